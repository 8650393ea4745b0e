"""What an explanation found out, before it is written down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fauxto.data.stored import StoredImage
from fauxto.explain.selection import Choice
from fauxto.explain.study import Study
from fauxto.explain.subject import Subject
from fauxto.explain.target import Target
from fauxto.explain.trust import Trust


@dataclass(frozen=True)
class Findings:
    """Everything an explanation found out."""

    items: Sequence[StoredImage]
    choices: Sequence[Choice]
    subjects: Sequence[Subject]
    studies: Mapping[str, Study]
    """By the subject's name."""
    trusts: Mapping[str, Sequence[Trust]]
    """By the subject's name; empty where belief was not tested."""
    controls: Mapping[str, Subject]
    """Networks trained on permuted labels, by the name of the subject they belong to."""
    target: Target
    why_untested: str
    """Why belief was not tested, in a sentence; empty where it was."""

    def pairs(self) -> Iterator[tuple[Subject, str]]:
        """Yield every subject with each of its methods."""
        for subject in self.subjects:
            for method in subject.methods:
                yield subject, method
