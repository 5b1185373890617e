"""Generated strings of which the next character is predicted: sums with distractors, and nested tags.

Source: Jozefowicz, Zaremba & Sutskever 2015, section 3.6. Shape suffixes: T time.
"""

from __future__ import annotations

import random
import string

import torch
from torch.nn import functional as F

from rnnbench.data.dataset import Sequences
from rnnbench.data.generated import Generated
from rnnbench.data.spec import DataSpec

DIGITS = 8  # of a number, at most
DISTRACTORS = 3  # between two characters, at most
LONGEST_TAG, STEPS = 10, 50


class Characters(Generated):
    """Strings over ``alphabet``, a class a step: each character predicts the next; a subclass writes the strings.

    For the arguments see ``Generated``.
    """

    alphabet: str

    @property
    def spec(self) -> DataSpec:
        """One-hot characters in, one of them out, at every step."""
        return DataSpec("classification", len(self.alphabet), len(self.alphabet), per_step=True, looks_ahead=True)

    def write(self, chance: random.Random) -> tuple[str, int]:
        """A string, and the place of the first character that is scored when it is predicted."""
        raise NotImplementedError(f"{type(self).__name__} writes nothing")

    def generate(self, count: int, seed: int) -> Sequences:
        """Ragged sequences of one-hot characters."""
        chance = random.Random(seed)
        written = [self.write(chance) for _ in range(count)]
        codes = [torch.tensor([self.alphabet.index(character) for character in text]) for text, _ in written]
        masks = [torch.arange(1, len(text)) >= first for text, first in written]
        inputs = [F.one_hot(code_T[:-1], len(self.alphabet)).bool() for code_T in codes]
        return Sequences(inputs, [code_T[1:].to(torch.uint8) for code_T in codes], masks)


class Arithmetic(Characters):
    """``3e36d9-h1h39f94eeh43keg3c=-13991064.``: two numbers, a sum or a difference, and its value behind ``=``.

    Numbers have 1 to 8 digits and either sign; up to three letters stand after each character before ``=`` and mean
    nothing. The result ends with a full stop. Loss and metrics count the characters after ``=``.
    """

    alphabet = string.digits + "+-=." + string.ascii_lowercase

    def write(self, chance: random.Random) -> tuple[str, int]:
        """The problem and its answer."""
        a, b = (chance.choice((-1, 1)) * chance.randrange(10 ** chance.randint(1, DIGITS)) for _ in range(2))
        sign = chance.choice("+-")
        asked = "".join(character + self._distraction(chance) for character in f"{a}{sign}{b}") + "="
        return f"{asked}{a + b if sign == '+' else a - b}.", len(asked)

    @staticmethod
    def _distraction(chance: random.Random) -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(0, DISTRACTORS)))


class Tags(Characters):
    """``<ab><cde></cde></ab>``: nested tags with names of 2 to 10 lowercase letters; every character is scored.

    At each turn, with probability 1/2 or after 50 turns, the tag opened last is closed, or the string ends where none
    is open; else a tag with a new name is opened. The first turn opens one, so that no string is empty.
    """

    alphabet = string.ascii_lowercase + "<>/."

    def write(self, chance: random.Random) -> tuple[str, int]:
        """The tags, and a full stop."""
        text, opened = "", []
        for turn in range(2 * STEPS + 1):
            if turn and (turn >= STEPS or chance.random() < 0.5):
                if not opened:
                    break
                text += f"</{opened.pop()}>"
            else:
                opened.append("".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, LONGEST_TAG))))
                text += f"<{opened[-1]}>"
        return text + ".", 1
