"""The command ``mmdenoise``: one module a subcommand, parser and call, nothing else.

A command's module has ``add_options(parser)`` and ``run(args)``; its docstring is its
help. It imports torch, the hosts and whatever imports them in ``run`` alone, so that
help and a wrong option are answered at once.
"""
