"""Parts of the encoder that stay as they are."""

from __future__ import annotations

from torch import nn

from polyhead.errors import SettingsError


def freeze(encoder: nn.Module, what: str | int | None) -> None:
    """Take a part of the encoder out of training.

    Args:
        encoder: The encoder.
        what: ``encoder``, ``embeddings``, the number of lowest layers (with the embeddings), or `None`.

    Raises:
        SettingsError: If the encoder has fewer layers.
    """
    if what is None:
        return
    if what == "encoder":
        encoder.requires_grad_(False)
        return
    _embeddings(encoder).requires_grad_(False)
    layers = layers_of(encoder)
    count = 0 if isinstance(what, str) else what
    if count > len(layers):
        raise SettingsError(f"training.freeze: the encoder has {len(layers)} layers, found {what}")
    for layer in layers[:count]:
        layer.requires_grad_(False)


def is_frozen(encoder: nn.Module) -> bool:
    """Whether no weight of the encoder learns."""
    return not any(weight.requires_grad for weight in encoder.parameters())


def layers_of(encoder: nn.Module) -> list[nn.Module]:
    """Return the encoder's layers, the lowest first: its first list of modules as long as its settings say."""
    count = encoder.config.num_hidden_layers  # type: ignore[union-attr]
    lists = (list(module) for module in encoder.modules() if isinstance(module, nn.ModuleList))
    return next((found for found in lists if len(found) == count), [])


def parts_by_depth(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """Return the encoder's weights by depth: the top layer (with all that stands in no layer), …, the embeddings."""
    layers = [list(layer.parameters()) for layer in layers_of(encoder)]
    embeddings = list(_embeddings(encoder).parameters())
    placed = {id(weight) for part in (*layers, embeddings) for weight in part}
    rest = [weight for weight in encoder.parameters() if id(weight) not in placed]
    top, *below = [*reversed(layers), embeddings]
    return [[*rest, *top], *below]


def free_layers(encoder: nn.Module, count: int) -> None:
    """Have the top `count` layers learn and the rest not; the embeddings learn when all layers do."""
    parts = parts_by_depth(encoder)
    for depth, part in enumerate(parts):
        for weight in part:
            weight.requires_grad_(depth < count or count >= len(parts) - 1)


def _embeddings(encoder: nn.Module) -> nn.Module:
    """Return the module of all embeddings (words, positions, norm), which the word embeddings stand in."""
    words = encoder.get_input_embeddings()  # type: ignore[operator]
    for path, module in encoder.named_modules():
        if module is words:
            return encoder.get_submodule(path.rpartition(".")[0]) if "." in path else words
    return words
