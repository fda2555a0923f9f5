"""A question on the terminal whose answer is yes or no."""

from __future__ import annotations


def confirmed(question: str) -> bool:
    """Asks until the answer is yes or no; Enter alone and the end of the input are no."""
    while True:
        print(f"{question} [y/N] ", end="", flush=True)  # `input` would ask on stderr
        try:
            answer = input().strip().lower()
        except EOFError:
            print()
            return False
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False
        print("please answer y or n")
