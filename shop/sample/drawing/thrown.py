"""Things thrown on a wheel, seen a little from above: a profile turned round its axis, lit from the left."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw

from shop.sample.drawing.studio import (
    SCALE,
    Colour,
    Point,
    cast_shadow,
    darker,
    ellipse,
    lighter,
    mask,
    new_dice,
    paint,
    polygon,
    ramp,
    scaled,
    soften,
    solid,
    speckle,
    within,
    without,
)

CLAY: Colour = (205, 170, 138)
STEPS = 512


@dataclass(frozen=True, slots=True)
class Glaze:
    """How a surface looks. `second` runs down from the rim; `spots` are counted over the whole canvas."""

    colour: Colour
    second: Colour | None = None
    rim: Colour = (176, 128, 92)
    inside: Colour | None = None
    spots: int = 0
    gloss: float = 0.5


@dataclass(frozen=True, slots=True)
class Form:
    """`profile` is (height on the picture, radius) from the rim down. `view` is how round the rim looks."""

    profile: Sequence[Point]
    x: float = 600
    view: float = 0.17
    wall: float = 9
    bare_foot: float = 0
    handle: Sequence[Point] = field(default_factory=tuple)
    handle_width: float = 34
    fill: Colour | None = None
    fill_depth: float = 26
    bands: Sequence[float] = field(default_factory=tuple)
    is_closed: bool = False

    @property
    def top(self) -> Point:
        return self.profile[0]

    @property
    def base(self) -> Point:
        return self.profile[-1]

    def radius(self, y: float) -> float:
        """Catmull-Rom through the profile, and the rounding of the base below it."""
        bottom, radius = self.base
        if y >= bottom:
            drop = (y - bottom) / max(radius * self.view * 0.86, 1)
            return radius * math.sqrt(max(1 - drop * drop, 0))
        points = [self.profile[0], *self.profile, self.profile[-1]]
        for at in range(1, len(points) - 2):
            (_, before), (start, low), (end, high), (_, after) = points[at - 1 : at + 3]
            if y <= end:
                share = (y - start) / (end - start) if end > start else 0
                return _spline(before, low, high, after, max(share, 0))
        return radius

    @property
    def lowest(self) -> float:
        return self.base[0] + self.base[1] * self.view * 0.86


def _spline(before: float, low: float, high: float, after: float, share: float) -> float:
    square, cube = share * share, share**3
    return 0.5 * (
        2 * low
        + (high - before) * share
        + (2 * before - 5 * low + 4 * high - after) * square
        + (3 * low - before - 3 * high + after) * cube
    )


def draw_thrown(picture: Image.Image, form: Form, glaze: Glaze, *, tone: Colour, seed: str) -> None:
    """The whole thing with its shadow."""
    y, radius = form.base
    cast_shadow(picture, tone, form.x, y, radius, height=y - form.top[0])
    if form.handle:
        draw_handle(picture, form, glaze, tone)
    _draw_body(picture, form, glaze, seed)
    if not form.is_closed:
        _draw_mouth(picture, form, glaze)


def arc(form: Form, y: float, wobble: float = 0, seed: str = "") -> list[Point]:
    """The front of a level ring, left to right."""
    dice = new_dice(seed)
    phases = [dice.uniform(0, 6.3) for _ in range(3)]
    points = []
    for step in range(81):
        u = -1 + step / 40
        wave = sum(math.sin(u * (3 + 4 * at) + phase) / (at + 1) for at, phase in enumerate(phases)) * wobble
        radius = form.radius(y)
        points.append((form.x + u * radius * 1.02, y + radius * form.view * math.sqrt(1 - u * u) + wave))
    return points


def _turned(form: Form, levels: Sequence[int]) -> tuple[Image.Image, Image.Image]:
    """(levels stretched over each row of the silhouette, the silhouette)."""
    row = Image.new("L", (STEPS, 1))
    row.putdata(list(levels))
    light, shape = mask(), mask()
    draw = ImageDraw.Draw(shape)
    for y in range(round(form.top[0] * SCALE), round(form.lowest * SCALE) + 1):
        radius = form.radius(y / SCALE) * SCALE
        left, width = round(form.x * SCALE - radius), max(round(2 * radius), 1)
        light.paste(row.resize((width, 1), Image.Resampling.BILINEAR), (left, y))
        draw.line((left, y, left + width - 1, y), fill=255)
    return light, shape


def _brightness(u: float) -> float:
    facing = -0.60 * u + 0.80 * math.sqrt(max(1 - u * u, 0))
    bounce = 0.10 * max(u - 0.72, 0) / 0.28
    edge = 0.08 * max(-u - 0.86, 0) / 0.14
    return min(0.50 + 0.50 * max(facing, 0) ** 0.9 + bounce - edge, 1)


def _shine(u: float) -> float:
    return 0.85 * math.exp(-(((u + 0.52) / 0.085) ** 2)) + 0.25 * math.exp(-(((u + 0.42) / 0.22) ** 2))


def _along(function: Callable[[float], float]) -> list[int]:
    return [round(255 * function(-1 + 2 * (step + 0.5) / STEPS)) for step in range(STEPS)]


def _draw_body(picture: Image.Image, form: Form, glaze: Glaze, seed: str) -> None:
    light, shape = _turned(form, _along(_brightness))
    albedo = _surface(form, glaze, seed)
    body = ImageChops.multiply(albedo, Image.merge("RGB", (light, light, light)))
    body = Image.blend(body, albedo, 0.12)
    top, bottom = form.top[0], form.lowest
    paint(body, darker(glaze.colour, 0.75), ramp([(bottom - (bottom - top) * 0.45, 0), (bottom, 0.30)]))
    shine, _ = _turned(form, _along(_shine))
    span = bottom - top
    fade = ramp([(top, 0), (top + span * 0.12, 0.9), (top + span * 0.5, 0.8), (top + span * 0.85, 0)])
    paint(body, (255, 255, 255), soften(within(within(shine, fade), shape), 3), 0.55 * glaze.gloss)
    paint(picture, body, shape)


def _surface(form: Form, glaze: Glaze, seed: str) -> Image.Image:
    albedo = solid(glaze.colour)
    top, bottom = form.top[0], form.lowest
    if glaze.second is not None:
        paint(albedo, glaze.second, _runs(top, bottom, seed))
    for at, y in enumerate(form.bands):
        line = mask()
        ImageDraw.Draw(line).line(
            scaled(arc(form, y, 1.2, f"{seed}{at}")), fill=255, width=9 * SCALE, joint="curve"
        )
        paint(albedo, glaze.rim, line, 0.8)
    rings = mask()
    draw = ImageDraw.Draw(rings)
    y = top + 14
    while y < form.base[0]:
        draw.line(scaled(arc(form, y)), fill=255, width=2 * SCALE, joint="curve")
        y += 17
    paint(albedo, darker(glaze.colour, 0.5), soften(rings, 2), 0.10)
    if glaze.spots:
        speckle(albedo, darker(glaze.colour, 0.5), glaze.spots, seed)
    if form.bare_foot:
        edge = arc(form, form.base[0] - form.bare_foot, 3.5, seed)
        foot = polygon([*edge, (1300, 1300), (-100, 1300)])
        bare = solid(CLAY)
        speckle(bare, darker(CLAY, 0.35), 5000, seed)
        paint(albedo, bare, foot)
        line = mask()
        ImageDraw.Draw(line).line(scaled(edge), fill=255, width=5 * SCALE, joint="curve")
        paint(albedo, darker(glaze.colour, 0.35), line, 0.55)
    _edge_of_rim(albedo, form, glaze)
    return albedo


def _edge_of_rim(albedo: Image.Image, form: Form, glaze: Glaze) -> None:
    """Glaze breaks to the colour of the clay where it is thin."""
    band = mask()
    ImageDraw.Draw(band).line(scaled(arc(form, form.top[0] + 3)), fill=255, width=10 * SCALE, joint="curve")
    paint(albedo, glaze.rim, soften(band, 4), 0.55)


def _runs(top: float, bottom: float, seed: str) -> Image.Image:
    """A second glaze that has run down from the rim in streaks."""
    dice = new_dice(seed)
    span = bottom - top
    shape = mask()
    draw = ImageDraw.Draw(shape)
    x = 0.0
    points: list[Point] = [(0, 0)]
    while x < 1200:
        points.append((x, top + span * dice.uniform(0.30, 0.52)))
        x += dice.uniform(14, 42)
    points += [(1200, top + span * 0.4), (1200, 0)]
    draw.polygon(scaled(points), fill=255)
    return within(soften(shape, 13), ramp([(top, 1), (top + span * 0.3, 0.95), (top + span * 0.6, 0.5)]))


def _draw_mouth(picture: Image.Image, form: Form, glaze: Glaze) -> None:
    y, radius = form.top
    lip = ellipse(form.x, y, radius, radius * form.view)
    inner_width = radius - form.wall
    inner_height = inner_width * form.view - form.wall * 0.12
    hole = ellipse(form.x, y + 1.5, inner_width, inner_height)
    paint(picture, lighter(glaze.rim, 0.35), lip)
    paint(
        picture,
        darker(glaze.rim, 0.2),
        within(lip, ramp([(form.x - 40, 0), (form.x + radius, 0.7)], across=True)),
    )
    inside = glaze.inside or glaze.colour
    inner = solid(darker(inside, 0.16))
    paint(
        inner,
        darker(inside, 0.62),
        ramp([(form.x - radius, 0.95), (form.x + radius * 0.55, 0.0)], across=True),
    )
    depth = inner_height
    paint(inner, darker(inside, 0.7), ramp([(y - depth, 0.55), (y + depth * 0.7, 0.0)]))
    if form.fill is not None:
        level = ellipse(form.x, y + form.fill_depth, inner_width - 4, inner_height)
        surface = solid(form.fill)
        paint(
            surface,
            lighter(form.fill, 0.35),
            soften(
                ellipse(form.x + radius * 0.35, y + form.fill_depth + 6, radius * 0.4, inner_height * 0.4), 14
            ),
            0.6,
        )
        paint(surface, darker(form.fill, 0.6), ramp([(form.x - radius, 0.6), (form.x, 0)], across=True))
        paint(inner, surface, level)
        edge = without(level, ellipse(form.x, y + form.fill_depth + 2.5, inner_width - 6, inner_height - 1))
        paint(inner, lighter(form.fill, 0.5), edge, 0.7)
    paint(picture, inner, hole)


def draw_handle(picture: Image.Image, form: Form, glaze: Glaze, tone: Colour) -> None:
    """A strap along a curve through `form.handle`, round like a tube, with its shadow."""
    path = curve(form.handle)
    tube = stroke(path, form.handle_width)
    paint(picture, darker(tone, 0.7), soften(ImageChops.offset(tube, 20 * SCALE, 14 * SCALE), 18), 0.25)
    strap = solid(darker(glaze.colour, 0.42))
    for share in range(1, 9):
        k = share / 9
        shift = form.handle_width * 0.16 * k
        line = stroke([(x - shift, y - shift) for x, y in path], form.handle_width * (1 - k * 0.9))
        paint(strap, mix_up(glaze.colour, k), line)
    gleam = stroke([(x - form.handle_width * 0.16, y - form.handle_width * 0.2) for x, y in path], 3)
    paint(strap, (255, 255, 255), soften(gleam, 3), 0.5 * glaze.gloss)
    if glaze.spots:
        speckle(strap, darker(glaze.colour, 0.5), glaze.spots, "handle")
    paint(picture, strap, tube)


def mix_up(colour: Colour, share: float) -> Colour:
    """From shade to full light."""
    return lighter(darker(colour, 0.40 * (1 - share)), 0.10 * share)


def curve(points: Sequence[Point]) -> list[Point]:
    """A smooth way through the points."""
    ends = [points[0], *points, points[-1]]
    path = []
    for at in range(1, len(ends) - 2):
        for step in range(24):
            share = step / 24
            x, y = (
                _spline(ends[at - 1][axis], ends[at][axis], ends[at + 1][axis], ends[at + 2][axis], share)
                for axis in (0, 1)
            )
            path.append((x, y))
    return [*path, points[-1]]


def stroke(path: Sequence[Point], width: float) -> Image.Image:
    """A line with round ends, as a mask."""
    shape = mask()
    draw = ImageDraw.Draw(shape)
    draw.line(scaled(path), fill=255, width=max(round(width * SCALE), 1), joint="curve")
    for x, y in path:
        draw.ellipse(
            (
                (x - width / 2) * SCALE,
                (y - width / 2) * SCALE,
                (x + width / 2) * SCALE,
                (y + width / 2) * SCALE,
            ),
            fill=255,
        )
    return shape
