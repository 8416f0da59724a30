"""What can be checked of an explanation by rules: its sums, its answer, and how hard it reads."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_SUM = re.compile(r"<<([^<>=]{1,80})=([^<>=]{1,40})>>")
_OPERATORS: dict[type[ast.AST], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_CLOSE = Fraction(1, 100)
"""How far a result may be from what was said: GSM8K rounds to cents."""


def number(text: str) -> Fraction | None:
    """Return the number that a text is, such as ``1,002`` or ``.5``; None where it is none."""
    plain = text.strip().strip("$%").replace(",", "").rstrip(".")
    try:
        return Fraction(plain)
    except (ValueError, ZeroDivisionError):
        return None


def final_answer(text: str) -> Fraction | None:
    """Return the number after ``####``, as GSM8K ends a solution; else the last number there is."""
    _, mark, end = text.rpartition("####")
    if mark:
        match = _NUMBER.search(end)
        return number(match[0]) if match else None
    numbers = _NUMBER.findall(text)
    return number(numbers[-1]) if numbers else None


def calculate(expression: str) -> Fraction | None:
    """Return the value of a sum, product and so on of numbers; None where it is anything else."""
    try:
        tree = ast.parse(expression.replace(",", "").replace("$", "").strip(), mode="eval")
        return _value(tree.body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def calculations(text: str) -> tuple[int, int]:
    """Count the sums that a text marks as GSM8K does, such as ``<<48/2=24>>``.

    Returns:
        How many there are, and how many a calculator finds right.
    """
    sums = _SUM.findall(text)
    right = 0
    for expression, said in sums:
        value, result = calculate(expression), number(said)
        right += value is not None and result is not None and abs(value - result) <= _CLOSE
    return len(sums), right


def gives_away(hint: str, problem: str, answer: str) -> bool:
    """Say whether a hint tells the final answer, where the problem does not name it already.

    Args:
        hint: What the tutor says.
        problem: What the student knows.
        answer: The final answer.
    """
    solution = number(answer)
    if solution is None:
        plain = answer.strip().lower()
        return bool(plain) and plain in hint.lower() and plain not in problem.lower()
    known = {number(text) for text in _NUMBER.findall(problem)}
    return solution not in known and solution in {number(text) for text in _NUMBER.findall(hint)}


def reading_grade(text: str) -> float | None:
    """Return the school grade of the United States in which a text reads easily; None of no words.

    Kincaid et al., 1975, https://doi.org/10.21236/ADA006655, with syllables counted as groups of
    vowels, a silent e at the end left out.
    """
    words = re.findall(r"[A-Za-z']+", text)
    if not words:
        return None
    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)|\n+", text.strip())))
    syllables = sum(_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith("le")
    return max(1, groups - silent)


def _value(node: ast.AST) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a number")
