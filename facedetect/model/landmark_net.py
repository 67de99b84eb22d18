"""The author's fourth net, which refines each landmark in a small patch around it."""

from __future__ import annotations

import tensorflow as tf

from facedetect.model.box_ops import MIRRORED_POINTS, cut_crops, mirror_offsets
from facedetect.model.loops import map_chunks
from facedetect.model.nets import CropFeatures, dense, hidden_layer
from facedetect.mtcnn.weights import POINTS, Net, block_diagonal, concat_outputs

# The author's numbers: a patch's side in units of the box's larger side, and how far the net may
# move a landmark, in units of the patch.
_PATCH_SHARE = 0.25
_FARTHEST_MOVE = 0.35

# The centres of a patch's first and last pixel, in units of the patch from the landmark. Mirrored
# images show that the author's net is off by a quarter of a patch pixel toward the origin, so the
# patch is shifted by that much.
_NET_ERROR = 0.25
_FIRST = (0.5 - _NET_ERROR) / CropFeatures.side - 0.5
_LAST = 0.5 - (0.5 + _NET_ERROR) / CropFeatures.side

_CHUNK = 4  # faces; their working set fits a core's cache


class LandmarkNet:
    """Patches around a face's five landmarks -> the position of each landmark in its patch.

    Each patch has its own convolutions; one dense layer joins them.
    """

    side = CropFeatures.side
    columns = 2 * len(POINTS)

    def __init__(self, net: Net) -> None:
        self._features = [
            CropFeatures(net[f"conv1_{point}"], net[f"conv2_{point}"], net[f"conv3_{point}"])
            for point in POINTS
        ]
        self._joined = net["dense"]
        self._by_point = concat_outputs(*(net[f"dense_{point}"] for point in POINTS))
        self._positions = block_diagonal([net[f"point_{point}"] for point in POINTS])

    def __call__(self, patches: tf.Tensor) -> tf.Tensor:
        """[5, n, 24, 24, 3], point by point -> [n, 10] as y1..y5, x1..x5 in units of the patch."""
        per_point = zip(self._features, tf.unstack(patches, num=len(POINTS)), strict=True)
        maps = tf.concat([features(part) for features, part in per_point], axis=3)
        hidden = hidden_layer(hidden_layer(maps, self._joined), self._by_point)
        return dense(hidden, self._positions)


def refine_landmarks(
    net: LandmarkNet,
    image: tf.Tensor,
    boxes: tf.Tensor,
    landmarks: tf.Tensor,
    *,
    averages: bool = False,
) -> tf.Tensor:
    """Refine the landmarks [n, 10] of final boxes [n, 4] in patches of the image [H, W, 3].

    Landmarks are y1..y5, x1..x5, boxes y1, x1, y2, x2, in px, where (0, 0) is the image's top left
    corner. A landmark that would move too far stays. `averages` also runs on mirrored patches.
    """
    batched = image[tf.newaxis]
    sides = _PATCH_SHARE * tf.reduce_max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True)

    def refine(part: tf.Tensor) -> tf.Tensor:
        points, part_sides = tf.split(part, [net.columns, 1], axis=1)
        moves = net(cut_patches(batched, points, part_sides)) - 0.5
        if averages:
            mirrored = cut_patches(batched, points, part_sides, is_mirrored=True)
            moves = (moves + mirror_offsets(net(mirrored) - 0.5)) / 2
        return points + part_sides * _without_far_moves(moves)

    return map_chunks(refine, tf.concat([landmarks, sides], axis=1), _CHUNK, net.columns)


def cut_patches(
    batched: tf.Tensor, points: tf.Tensor, sides: tf.Tensor, *, is_mirrored: bool = False
) -> tf.Tensor:
    """Crop square patches around landmarks [n, 10], of sides [n, 1] px: [5, n, 24, 24, 3].

    Mirrored patches are those of the mirrored image, in the order of its landmarks.
    """
    middles_yx = tf.transpose(tf.reshape(points, [-1, 2, len(POINTS)]), [2, 0, 1]) - 0.5
    if is_mirrored:
        middles_yx = tf.gather(middles_yx, MIRRORED_POINTS)
    # Never 0 if there are faces: P-Net finds none in an image of one row or column.
    last_yx = tf.cast(tf.shape(batched)[1:3] - 1, tf.float32)
    directions_yx = tf.constant([1.0, -1.0 if is_mirrored else 1.0])
    corners = [(middles_yx + sides * at * directions_yx) / last_yx for at in (_FIRST, _LAST)]
    side = LandmarkNet.side
    patches = cut_crops(batched, tf.reshape(tf.concat(corners, axis=2), [-1, 4]), side)
    return tf.reshape(patches, [len(POINTS), -1, side, side, 3])


def _without_far_moves(moves: tf.Tensor) -> tf.Tensor:
    """Set a point's y and x to 0 if either is too large; moves [n, 10] as y1..y5, x1..x5."""
    by_point = tf.reshape(moves, [-1, 2, len(POINTS)])
    is_near = tf.reduce_all(tf.abs(by_point) <= _FARTHEST_MOVE, axis=1, keepdims=True)
    return tf.reshape(tf.where(is_near, by_point, 0.0), tf.shape(moves))
