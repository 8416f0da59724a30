"""A language model in conversation with students."""

from collections.abc import Callable

import torch

from torchedu.datasets.chats import ANSWERED_BY, Message
from torchedu.datasets.prompts import Intent, Profile, student_says, tutor_prompt
from torchedu.domains import Explanation
from torchedu.engine.engine import Engine
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import CausalLM
from torchedu.ranges import SEED, check_range
from torchedu.readers.chat_tokenizer import ChatTokenizer


class ExplanationEngine(Engine[Explanation], serves=Explanation):
    """Explains problems, on a GPU where there is one."""

    def __init__(self, domain: Explanation) -> None:
        super().__init__(domain)
        if domain.tokenizer is None:
            raise CheckpointError(
                "the checkpoint holds no tokenizer.", "Use one written by torchedu."
            )
        self._net = domain.net.to("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer = ChatTokenizer(domain.tokenizer)

    def explain(
        self,
        problem: str,
        *,
        intent: Intent = "explanation",
        profile: Profile | None = None,
        max_new_tokens: int = 256,
    ) -> str:
        """Explain a problem once, in the likeliest words.

        Args:
            problem: The problem.
            intent: ``hint``, ``step`` or ``explanation``.
            profile: What is known of the student.
            max_new_tokens: Most tokens of the answer.
        """
        tutor = self.tutor(max_new_tokens)
        tutor.begin(problem, intent, profile)
        return tutor.speak(lambda piece: None)

    def tutor(self, max_new_tokens: int = 256, temperature: float = 0.0, seed: int = 0) -> "Tutor":
        """Return a tutor for one student; see ``Tutor``."""
        return Tutor(self._net, self._tokenizer, max_new_tokens, temperature, seed)


class Tutor:
    """Explains a problem, and goes on as the student asks back.

    A tutor has one student: what another one said is never among what it reads.

    Args:
        net: The language model.
        tokenizer: Its tokenizer.
        max_new_tokens: Most tokens of an answer.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn.
        seed: Decides what is drawn.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        net: CausalLM,
        tokenizer: ChatTokenizer,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        if max_new_tokens < 1 or temperature < 0:
            raise ConfigError(
                f"⟦max_new_tokens⟧ is {max_new_tokens}, ⟦temperature⟧ {temperature}.",
                "The one is at least 1, the other at least 0.",
            )
        check_range("seed", seed, SEED)
        self._net, self._tokenizer = net, tokenizer
        self._most = max_new_tokens
        self._temperature = temperature
        self.messages: list[Message] = []
        torch.manual_seed(seed)

    def begin(self, problem: str, intent: Intent, profile: Profile | None = None) -> None:
        """Begin a new conversation; see ``tutor_prompt``."""
        self.messages = list(tutor_prompt(problem, intent, profile))
        self._given = len(self.messages)

    def hear(self, text: str) -> None:
        """Take what the student says."""
        self.messages.append(student_says(text))

    def speak(self, show: Callable[[str], None]) -> str:
        """Say something, piece by piece.

        What was said longest ago, the problem apart, is not read again where there is no room.

        Args:
            show: Called with each further piece of the text.

        Returns:
            All of it.

        Raises:
            ConfigError: Problem and last question alone leave none.
        """
        ids: list[int] = []
        shown = ""

        def more(new: list[int]) -> None:
            nonlocal shown
            ids.extend(new)
            text = self._tokenizer.decode(ids)
            if not text.endswith("\ufffd"):  # a character may take several tokens
                show(text[len(shown) :])
                shown = text

        prompt = self._tokenizer.prompt(self.messages)
        room = min(self._most, self._net.max_history // 4)
        forgotten = self._given
        while len(prompt) + room > self._net.max_history and forgotten + 2 < len(self.messages):
            forgotten += 2  # an answer, and what was said to it
            heard = [*self.messages[: self._given], *self.messages[forgotten:]]
            prompt = self._tokenizer.prompt(heard)
        (answer,) = self._net.generate(
            [prompt], self._tokenizer.ends, self._most, self._temperature, more
        )
        text = self._tokenizer.decode(answer)
        self.messages.append(Message(ANSWERED_BY, text))
        return text
