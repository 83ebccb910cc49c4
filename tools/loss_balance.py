"""Say how hard each term of the joint loss pulls, before choosing its weight."""

from mmdenoise.apis.balance import loss_balance
from mmdenoise.cli.common import command_line, read_config, run_tool


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument("--batches", type=int, default=8, help="how many to average")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    found = loss_balance(read_config(args), args.batches)
    pull = found["reconstruction"][1]
    print("| term | value | gradient at the denoised image | weight for equal pull |")
    print("|---|---:|---:|---:|")
    for name, (value, size) in found.items():
        print(f"| {name} | {value:.4g} | {size:.4g} | {pull / size:.2g} |")


if __name__ == "__main__":
    run_tool(main)
