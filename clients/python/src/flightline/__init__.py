"""A client of Flightline: its cluster by the master's REST interface, and its stream by the traveller's page."""

from .answers import CLASSES
from .cluster import Cluster
from .connection import Connection, find_token
from .errors import (
    ConflictError,
    FlightlineError,
    JobFailedError,
    MissingExtraError,
    NoSuchJobError,
    NotAllowedError,
    NotFoundError,
    NotNowError,
    NoTokenError,
    RefusedFlightError,
    RefusedJobError,
    ServerError,
    ShapeError,
    TooSlowError,
    UnreachableError,
)
from .graph import Graph
from .job import Job
from .logs import ProcessLog
from .models import Model, Models, Report, read_card
from .page import Flight, Page
from .progress import Bars, Lines
from .spec import CarriedFile, JobSpec, memory_bytes
from .view import ClusterView, JobLine, JobState, JobView, LogPiece, StageLine, WorkerView, moment

__all__ = [
    "CLASSES",
    "Bars",
    "CarriedFile",
    "Cluster",
    "ClusterView",
    "ConflictError",
    "Connection",
    "Flight",
    "FlightlineError",
    "Graph",
    "Job",
    "JobFailedError",
    "JobLine",
    "JobSpec",
    "JobState",
    "JobView",
    "Lines",
    "LogPiece",
    "MissingExtraError",
    "Model",
    "Models",
    "NoSuchJobError",
    "NoTokenError",
    "NotAllowedError",
    "NotFoundError",
    "NotNowError",
    "Page",
    "ProcessLog",
    "RefusedFlightError",
    "RefusedJobError",
    "Report",
    "ServerError",
    "ShapeError",
    "StageLine",
    "TooSlowError",
    "UnreachableError",
    "WorkerView",
    "find_token",
    "memory_bytes",
    "moment",
    "read_card",
]
