"""Stands in for Souk's manage.py where only the supervision of processes is tested."""

import json
import os
import sys
import time


def main() -> None:
    command = sys.argv[1]
    if command == os.environ.get("STANDIN_FAILS"):
        print("no luck today", file=sys.stderr)
        sys.exit(3)
    if command == "worker":
        print("worker is up", flush=True)
        time.sleep(3600)
    if command == "seed_demo":
        login = {"url": "http://souk.localhost", "email": "a@example.com", "password": "secret"}
        print("seeding")
        print(json.dumps({"operator": login, "storefronts": [{"name": "Leaf", **login}], "buyer": login}))


if __name__ == "__main__":
    main()
