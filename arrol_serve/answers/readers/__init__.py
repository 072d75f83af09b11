"""One module a value of ``answer.extract``: text to answer, and why. Pure, and linear in the text."""
