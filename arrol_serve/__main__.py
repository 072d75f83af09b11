"""``python -m arrol_serve``."""

from arrol_serve.cli import main

if __name__ == "__main__":
    main()
