"""Random deformations of images: rotation, scale, shear, shift and a smooth elastic field."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own convention

from snnsim.datasets import Split
from snnsim.training.recipes import Augmentation

__all__ = ["augmented_copies"]

# The elastic field is drawn on this many nodes a side and interpolated between them.
_ELASTIC_NODES = 6
_BLOCK = 5000


def augmented_copies(split: Split, augmentation: Augmentation | None, seed: int) -> torch.Tensor:
    """Return deformed copies of a split's images as 8-bit pixels.

    Parameters
    ----------
    split
        The images, full scale mapped to 255.
    augmentation
        What is drawn, and how many copies; None gives one copy of the images as they are.
    seed
        Of a generator of its own: PyTorch's global one is left alone.

    Returns
    -------
    uint8, shape (copies, n, height * width).
    """
    images = torch.from_numpy(split.pixels).view(-1, 1, *split.images.shape[1:])
    if augmentation is None:
        return _to_bytes(images)[None]
    generator = torch.Generator().manual_seed(seed)
    return torch.stack(
        [
            torch.cat([_to_bytes(_deform(block, augmentation, generator)) for block in images.split(_BLOCK)])
            for _ in range(augmentation.copies)
        ]
    )


def _to_bytes(images: torch.Tensor) -> torch.Tensor:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).flatten(1)


def _deform(images: torch.Tensor, bounds: Augmentation, generator: torch.Generator) -> torch.Tensor:
    n, _, height, width = images.shape

    def uniform(bound: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * bound

    angle = uniform(math.radians(bounds.rotation))
    scale_x, scale_y = 1 + uniform(bounds.scale), 1 + uniform(bounds.scale)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # Rows of the matrices that map output to input coordinates, both in [-1, 1]: a pixel is 2 / side.
    row_x = torch.stack([scale_x * cos, uniform(bounds.shear) - scale_y * sin, uniform(2 * bounds.shift / width)], 1)
    row_y = torch.stack([scale_x * sin, scale_y * cos, uniform(2 * bounds.shift / height)], 1)
    grid = F.affine_grid(torch.stack([row_x, row_y], 1), [n, 1, height, width], align_corners=False)
    if bounds.elastic > 0:
        nodes = torch.randn(n, 2, _ELASTIC_NODES, _ELASTIC_NODES, generator=generator)
        nodes *= torch.tensor([2 * bounds.elastic / width, 2 * bounds.elastic / height])[:, None, None]
        field = F.interpolate(nodes, size=(height, width), mode="bilinear", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, align_corners=False)
