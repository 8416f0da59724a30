"""What strategies share that divide a trained model before they read its weights."""

from lightning.pytorch.strategies import DDPStrategy

from torchedu.parallel import HasTraits
from torchedu.strategies.limits import check_narrow, is_deferred


class Filling(HasTraits, DDPStrategy):
    """Lets a network whose weights are still to be read get them once it is divided.

    No process then ever holds more of it than its part, and one tensor. Its ``traits`` say so.
    """

    _late = False

    @property
    def restore_checkpoint_after_setup(self) -> bool:
        """Whether a checkpoint can be taken only once the network has its own weights."""
        return self._late

    def setup_environment(self) -> None:
        """Join the processes, and note whether the network has its weights."""
        super().setup_environment()
        check_narrow(self.task, self)  # a trainer of one's own has not asked before
        self._late = is_deferred(self.task)
