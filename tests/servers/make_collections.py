#!/usr/bin/env python3
"""Makes the collections of a job, with their indexes, before the job runs.

A job makes what it needs by itself. But FerretDB 1.24 over SQLite was seen to stand still while many tests did that at once.

    make_collections.py MONGODB_URL DATABASE ANSWERS
"""

import sys

from pymongo import MongoClient

url, database, answers = sys.argv[1:]
database = MongoClient(url, serverSelectionTimeoutMS=60_000)[database]
known = set(database.list_collection_names())
for name in {"origin_dest_distances", "flightline_progress", "flightline_claims", answers} - known:
    database.create_collection(name)
database["origin_dest_distances"].create_index([("Origin", 1), ("Dest", 1)])
database[answers].create_index([("UUID", 1)])
