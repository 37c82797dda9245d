"""What the black-box tests stand on: clusters, databases, daemons, ports, requests. conftest.py makes them fixtures."""
