"""The studio: canvas, backdrop, light and shadow. Lengths are those of the picture, which is drawn double."""

import random
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 1200
SCALE = 2
FULL = SIDE * SCALE

Colour = tuple[int, int, int]
Point = tuple[float, float]

DARK: Colour = (46, 34, 30)
LIGHT: Colour = (255, 252, 246)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """Towards a warm dark."""
    return mix(colour, DARK, share)


def lighter(colour: Colour, share: float) -> Colour:
    """Towards a warm white."""
    return mix(colour, LIGHT, share)


def scaled(points: Sequence[Point]) -> list[Point]:
    """From picture lengths to canvas pixels."""
    return [(x * SCALE, y * SCALE) for x, y in points]


def box(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """An ellipse's box around its centre, in canvas pixels."""
    return ((x - width) * SCALE, (y - height) * SCALE, (x + width) * SCALE, (y + height) * SCALE)


def solid(colour: Colour) -> Image.Image:
    """A canvas of one colour."""
    return Image.new("RGB", (FULL, FULL), colour)


def mask() -> Image.Image:
    """An empty mask."""
    return Image.new("L", (FULL, FULL), 0)


def polygon(points: Sequence[Point]) -> Image.Image:
    """A filled shape as a mask."""
    shape = mask()
    ImageDraw.Draw(shape).polygon(scaled(points), fill=255)
    return shape


def ellipse(x: float, y: float, width: float, height: float) -> Image.Image:
    """A filled ellipse as a mask, by its half axes."""
    shape = mask()
    ImageDraw.Draw(shape).ellipse(box(x, y, width, height), fill=255)
    return shape


def soften(shape: Image.Image, radius: float) -> Image.Image:
    """Blur a mask. Done small, as nothing sharp is left anyway."""
    shrink = 8 if radius >= 12 else 4 if radius >= 5 else 2
    small = shape.resize((FULL // shrink, FULL // shrink), Image.Resampling.BOX)
    small = small.filter(ImageFilter.GaussianBlur(radius * SCALE / shrink))
    return small.resize((FULL, FULL), Image.Resampling.BICUBIC)


def faint(shape: Image.Image, opacity: float) -> Image.Image:
    """A mask with less of it."""
    return shape.point([round(level * opacity) for level in range(256)])


def paint(
    picture: Image.Image, paint_: Colour | Image.Image, shape: Image.Image, opacity: float = 1.0
) -> None:
    """Lay a colour or another canvas over the picture, through a mask."""
    layer = paint_ if isinstance(paint_, Image.Image) else solid(paint_)
    picture.paste(layer, (0, 0), faint(shape, opacity) if opacity < 1 else shape)


def within(shape: Image.Image, outer: Image.Image) -> Image.Image:
    """The part of a mask that lies within another."""
    return ImageChops.multiply(shape, outer)


def without(shape: Image.Image, cut: Image.Image) -> Image.Image:
    """A mask with another cut out."""
    return ImageChops.subtract(shape, cut)


def ramp(stops: Sequence[tuple[float, float]], *, across: bool = False) -> Image.Image:
    """A mask that changes from top to bottom (or left to right): levels 0-1 at places 0-1200."""
    line = Image.new("L", (1, SIDE))
    for at in range(SIDE):
        line.putpixel((0, at), round(255 * _level(stops, at)))
    turned = line.transpose(Image.Transpose.TRANSPOSE) if across else line
    return turned.resize((FULL, FULL), Image.Resampling.BICUBIC)


def _level(stops: Sequence[tuple[float, float]], at: float) -> float:
    for (start, low), (end, high) in pairwise(stops):
        if at <= end:
            share = min(max((at - start) / (end - start), 0), 1)
            share = share * share * (3 - 2 * share)
            return low + (high - low) * share
    return stops[-1][1]


def backdrop(tone: Colour, *, arch: bool = True) -> Image.Image:
    """A wall with an arch, a table that runs into it, and light from the upper left."""
    picture = solid(lighter(tone, 0.34))
    paint(picture, darker(tone, 0.05), ramp([(0, 0.0), (820, 0.75)]))
    if arch:
        shape = mask()
        ImageDraw.Draw(shape).rounded_rectangle(
            (*scaled([(285, 130)])[0], *scaled([(915, 1400)])[0]), radius=315 * SCALE, fill=255
        )
        paint(picture, darker(tone, 0.10), shape, 0.75)
        paint(picture, lighter(tone, 0.25), within(shape, ramp([(500, 0), (1000, 1)])), 0.5)
        inner = without(shape, ImageChops.offset(shape, 26 * SCALE, 20 * SCALE))
        paint(picture, darker(tone, 0.5), within(soften(inner, 16), shape), 0.22)
    paint(
        picture, lighter(tone, 0.52), soften(polygon([(-60, 838), (1260, 838), (1260, 1260), (-60, 1260)]), 3)
    )
    paint(picture, darker(tone, 0.25), ramp([(838, 0), (842, 0.22), (900, 0.06), (1020, 0), (1200, 0.16)]))
    paint(picture, LIGHT, soften(ellipse(260, 180, 420, 380), 150), 0.36)
    return picture


def table(tone: Colour) -> Image.Image:
    """A surface seen from above, lit from the upper left."""
    picture = solid(lighter(tone, 0.30))
    paint(picture, LIGHT, soften(ellipse(280, 240, 520, 460), 200), 0.55)
    paint(picture, darker(tone, 0.3), soften(ellipse(1150, 1180, 560, 480), 200), 0.38)
    return picture


def cast_shadow(
    picture: Image.Image, tone: Colour, x: float, y: float, width: float, height: float = 0
) -> None:
    """Under a thing that stands at (x, y): a long one to the right, and the dark line of contact."""
    ink = darker(tone, 0.72)
    depth = width * 0.2
    reach = min(width * 0.9 + height * 0.25, 330)
    long = polygon(
        [
            (x - width * 0.8, y),
            (x + width * 0.2, y - depth),
            (x + width + reach, y - depth * 1.3),
            (x + width + reach * 0.8, y + depth * 0.5),
            (x + width * 0.5, y + depth),
        ]
    )
    paint(picture, ink, soften(long, 30), 0.40)
    paint(picture, ink, soften(ellipse(x + 12, y + 4, width * 1.06, depth), 13), 0.42)
    paint(picture, ink, soften(ellipse(x + 2, y + 3, width * 1.0, depth * 0.92), 4), 0.55)


def new_dice(seed: str | int) -> random.Random:
    """Chance that falls the same way each time the pictures are drawn."""
    return random.Random(seed)  # noqa: S311


def speckle(albedo: Image.Image, colour: Colour, count: int, seed: str) -> None:
    """Iron spots, most of them tiny."""
    dice = new_dice(seed)
    draw = ImageDraw.Draw(albedo)
    for _ in range(count):
        x, y = dice.uniform(0, FULL), dice.uniform(0, FULL)
        radius = 1.2 + 2.6 * dice.random() ** 5
        draw.ellipse((x - radius, y - radius, x + radius, y + radius * dice.uniform(0.7, 1.1)), fill=colour)


def finish(picture: Image.Image, *, zoom: float = 1, middle: float = 600) -> Image.Image:
    """The picture at its final size. `zoom` shows a small thing from nearer, around a height of `middle`."""
    half = FULL / zoom / 2
    top = min(max(middle * SCALE - half, 0), FULL - 2 * half)
    window = (FULL / 2 - half, top, FULL / 2 + half, top + 2 * half)
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=window)
