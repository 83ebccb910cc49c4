"""torchrun, but for its own traceback: a rank that fails has said why in a line."""

import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

if __name__ == "__main__":
    try:
        main()
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        sys.exit(
            f"rank {rank} failed first, with exit code {failure.exitcode} (-9: killed, "
            "perhaps for want of memory); what it said stands above"
        )
