"""`python -m lychgate`: the command line."""

from lychgate.cli import main

if __name__ == "__main__":
    main()
