"""JupyterLab in its container: who knows the master's token is let in here, too, for here he can use it."""

import os
from pathlib import Path

c = get_config()  # noqa: F821

c.IdentityProvider.token = Path(os.environ["FLIGHTLINE_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.root_dir = "/srv/notebook"
c.LabApp.default_url = "/lab/tree/notebooks/flights.ipynb"
