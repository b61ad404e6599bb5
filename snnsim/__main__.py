"""``python -m snnsim``."""

from snnsim.cli import main

if __name__ == "__main__":
    main()
