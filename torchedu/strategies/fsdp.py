"""Each device keeps a part of every parameter, and gathers a block's when it comes to it."""

from torchedu.strategies.divided import Divided


class FSDP(Divided):
    """Shares parameters, gradients and optimizer states among devices (FSDP2).

    Zhao et al., "PyTorch FSDP", VLDB 2023, https://arxiv.org/abs/2304.11277. Under ``bf16-mixed``
    parameters are gathered in bfloat16, and gradients averaged in float32.

    Args:
        activation_checkpointing: Compute the activations of each block again in the backward pass
            instead of keeping them.
        cpu_offload: Keep parameters and what the optimizer knows in the host's memory.
        bf16_gradients: Average gradients in bfloat16, which halves what is sent and rounds them.
        replicas: Groups of devices that each keep the whole, as many nodes may; a divisor of their
            number.
        sharded_checkpoints: Let each process write what it keeps, into the same folder, instead of
            gathering all on the first one.
    """

    name = "fsdp"

    def __init__(
        self,
        activation_checkpointing: bool = False,
        cpu_offload: bool = False,
        bf16_gradients: bool = False,
        replicas: int = 1,
        sharded_checkpoints: bool = False,
    ) -> None:
        super().__init__(
            replicas=replicas,
            activation_checkpointing=activation_checkpointing,
            cpu_offload=cpu_offload,
            bf16_gradients=bf16_gradients,
            sharded_checkpoints=sharded_checkpoints,
        )
