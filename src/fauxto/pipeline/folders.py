"""Where the chain puts what."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ChainFolders:
    """The folders of one report.

    Attributes:
        root: the report's folder.
        names: names of the runs, in the order of the configuration.
    """

    root: Path
    names: tuple[str, ...]

    @property
    def audit(self) -> Path:
        """Folder of the audit."""
        return self.root / "audit"

    @property
    def squares(self) -> Path:
        """Folder of pictures that the audit's pass keeps for the data set, until it is made."""
        return self.root / "squares"

    @property
    def dataset(self) -> Path:
        """Folder of the prepared data set."""
        return self.root / "dataset"

    @property
    def runs(self) -> tuple[Path, ...]:
        """Folders of the trained networks."""
        return tuple(self.root / "runs" / name for name in self.names)

    @property
    def comparison(self) -> Path:
        """Folder of the comparison."""
        return self.root / "comparison"

    @property
    def explanations(self) -> Path:
        """Folder of the heat maps."""
        return self.root / "explanations"
