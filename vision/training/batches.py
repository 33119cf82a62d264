"""Training batches: batch number n of a seed is the same pictures in the same state, however it is reached."""

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from ultralytics.data.augment import Compose
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils import DEFAULT_CFG

from vision.detectors.labelled import Labelled, LabelledSet, read_picture
from vision.training.augment import Cutouts, Night, PasteCutouts, read_cutouts
from vision.training.dataset import DatasetError
from vision.training.recipe import Recipe


class Photographs(YOLODataset):  # type: ignore[misc]  # ultralytics is untyped
    """Ultralytics' augmenting data set over labels that are already read and checked, pictures in memory."""

    def __init__(self, examples: Sequence[Labelled], recipe: Recipe, cutouts: Cutouts) -> None:
        self._examples = list(examples)
        self._cutouts = cutouts
        self._chances = recipe.augment
        self._imgsz = recipe.imgsz
        super().__init__(
            img_path="",
            imgsz=recipe.imgsz,
            augment=True,
            data={"names": {}},
            hyp=_hyper(recipe, mosaic=True),
            cache=None,
        )
        # Mosaic draws from the whole set, not from a buffer that depends on what came before.
        self.cache = "ram"
        self.ims = [self._read(example) for example in self._examples]
        self._with_mosaic = self.build_transforms(_hyper(recipe, mosaic=True))
        self._without = self.build_transforms(_hyper(recipe, mosaic=False))

    def use_mosaic(self, *, on: bool) -> None:
        """Switch mosaic for the pictures that follow."""
        self.transforms = self._with_mosaic if on else self._without

    def get_img_files(self, img_path: object) -> list[str]:
        """Return the examples' paths, as Ultralytics' constructor asks."""
        del img_path
        return [str(example.file) for example in self._examples]

    def get_labels(self) -> list[dict[str, Any]]:
        """Return the examples' labels in Ultralytics' form."""
        return [
            {
                "im_file": str(example.file),
                "shape": (self._imgsz, self._imgsz),
                "cls": example.class_id.astype(np.float32)[:, None],
                "bboxes": example.xywh,
                "segments": [],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
            for example in self._examples
        ]

    def load_image(
        self, i: int, *args: object, **kwargs: object
    ) -> tuple[NDArray[Any], tuple[int, int], tuple[int, int]]:
        """Return picture i, sometimes squeezed to another shape, as frames are wide and these are square."""
        del args, kwargs
        image = self.ims[i]
        height, width = image.shape[:2]
        if random.random() < self._chances.squeeze:
            ratio = random.uniform(0.55, 0.95)
            wide = random.random() < 0.75
            new = (width, max(round(height * ratio), 32)) if wide else (max(round(width * ratio), 32), height)
            squeezed = cv2.resize(image, new, interpolation=cv2.INTER_AREA)
            return squeezed, (height, width), squeezed.shape[:2]
        return image, (height, width), (height, width)

    def build_transforms(self, hyp: Any) -> Compose:
        """Put pasting before the colour changes and the night after them."""
        transforms = super().build_transforms(hyp)
        chances = self._chances
        transforms.insert(1, PasteCutouts(self._cutouts, chances))
        transforms.insert(len(transforms.transforms) - 1, Night(chances.night))
        return transforms

    def _read(self, example: Labelled) -> NDArray[Any]:
        image: NDArray[Any] = read_picture(example.file)
        scale = self._imgsz / max(image.shape[:2])
        if scale != 1.0:
            size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        return image


class _Numbered(Dataset[dict[str, Any]]):
    """Batch n of the run, made from (seed, n) alone."""

    def __init__(self, photographs: Photographs, main: int, recipe: Recipe, mosaic_until: int) -> None:
        self._photographs = photographs
        self._main = main
        self._recipe = recipe
        self._mosaic_until = mosaic_until

    def __getitem__(self, number: int) -> dict[str, Any]:
        recipe = self._recipe
        random.seed(f"{recipe.seed}/{number}")
        np.random.seed(random.randrange(2**32))  # noqa: NPY002 - the generator that the augmentations draw from
        self._photographs.use_mosaic(on=number < self._mosaic_until)
        chosen = [self._index(number * recipe.batch + k) for k in range(recipe.batch)]
        batch: dict[str, Any] = YOLODataset.collate_fn([self._photographs[i] for i in chosen])
        return {key: batch[key] for key in ("img", "cls", "bboxes", "batch_idx")}

    def _index(self, place: int) -> int:
        """Return the photograph at a place of the endless run: every one once an epoch, in a new order."""
        backgrounds = len(self._photographs) - self._main
        if backgrounds and random.random() < self._recipe.data.background_share:
            return self._main + random.randrange(backgrounds)
        epoch, step = divmod(place, self._main)
        return int(np.random.default_rng((self._recipe.seed, epoch)).permutation(self._main)[step])


def open_photographs(
    recipe: Recipe, split: LabelledSet, background: Sequence[Labelled], street: Sequence[str] = ()
) -> Photographs:
    """Read all pictures into memory and get the cut-outs.

    `street` names COCO's classes: class k of them is number `len(split.names) + k` in labels and batches.

    Raises:
        ConfigError: a picture or cut-out cannot be read, or the recipe names a class that nobody knows.
    """
    return Photographs([*split.pictures, *background], recipe, _cutouts(recipe, split.names, street))


def _cutouts(recipe: Recipe, own: Sequence[str], street: Sequence[str]) -> Cutouts:
    folder = recipe.data.cutouts
    there = Cutouts([], [], [])
    if folder is None:
        return there
    names = [*own, *street]
    for kind, name in recipe.augment.paste_as.items():
        if name not in names:
            raise DatasetError(f"{recipe.data.garbage}: class {name!r} of `paste_as` is unknown to the data set")
        of_street = name not in own
        number, half = names.index(name), kind in recipe.data.held_out
        found = read_cutouts(folder, kind, number, far=of_street, half=half)
        (there.street if of_street else there.labelled).extend(found)
    for kind in recipe.augment.distractors:
        there.distractors.extend(read_cutouts(folder, kind, None, half=kind in recipe.data.held_out))
    return there


def batches(
    photographs: Photographs, main: int, recipe: Recipe, numbers: range, mosaic_until: int
) -> "DataLoader[dict[str, Any]]":
    """Return batches `numbers`, made one ahead in another process; no mosaic from `mosaic_until` on.

    The first `main` photographs are gone through epoch by epoch, the rest are background. A batch holds
    img (B, 3, H, W) uint8 RGB, cls (N, 1), bboxes (N, 4) xywh in 0-1, batch_idx (N,).
    """
    return DataLoader(
        _Numbered(photographs, main, recipe, mosaic_until),
        batch_size=None,
        sampler=list(numbers),
        num_workers=recipe.readers,
        prefetch_factor=3 if recipe.readers else None,
        worker_init_fn=_one_thread,
    )


def to_images(batch: dict[str, Any]) -> torch.Tensor:
    """Return the batch's pictures as float32 in 0-1, channels last."""
    images: torch.Tensor = batch["img"]
    return images.float().div_(255.0).contiguous(memory_format=torch.channels_last)


def _one_thread(worker: int) -> None:
    del worker
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _hyper(recipe: Recipe, *, mosaic: bool) -> SimpleNamespace:
    """Return Ultralytics' settings with the recipe's chances in place of its own."""
    chances = recipe.augment
    own = {
        "mosaic": chances.mosaic if mosaic else 0.0,
        "scale": chances.scale if mosaic else chances.scale / 2,
        "translate": chances.translate,
        "degrees": chances.degrees,
        "hsv_h": chances.hsv_h,
        "hsv_s": chances.hsv_s,
        "hsv_v": chances.hsv_v,
        "fliplr": chances.fliplr,
        "mixup": 0.0,
        "cutmix": 0.0,
        "copy_paste": 0.0,
    }
    return SimpleNamespace(**{**vars(DEFAULT_CFG), **own})
