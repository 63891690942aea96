"""The detached supervisor: `python -m services.local`."""

import logging
import sys

from services.errors import UserError
from services.local.control import supervise
from services.settings import load_settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        supervise(load_settings())
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
