"""``torchedu export``: a trained network as files for other programs."""

from collections.abc import Sequence

from torchedu.cli.terminal import Terminal
from torchedu.parsing import run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu export``."""
    run_functions(export, arguments, "export")


def export(checkpoint: str, out: str, format: str = "safetensors") -> None:
    """Write a trained network for other programs, check that it equals its checkpoint, and say so.

    Args:
        checkpoint: A run's folder, whose best checkpoint is meant, or a checkpoint.
        out: The folder to make.
        format: safetensors (the weights), onnx or torch_export (graphs besides), or all; of a
            language model safetensors (which transformers opens) or adapter (LoRA, for peft).
    """
    # torch is loaded only when there is something to export, not for help.
    from torchedu.export import export_network

    exported = export_network(checkpoint, out, format)
    terminal = Terminal()
    for file in sorted(exported.folder.iterdir()):
        terminal.print(f"{file}: {file.stat().st_size:,} bytes")
    for check in exported.checked:
        equal = f"to {check.tolerance:.0e} ({check.difference:.1e} found)"
        terminal.print(
            f"{check.what} equal the checkpoint {equal if check.tolerance else 'bit for bit'}: "
            f"{check.answers:,} answers in {check.batches} random batches"
        )
