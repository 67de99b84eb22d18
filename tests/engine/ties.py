"""Cases in which the engine and the graph differ, and why."""

TIES: dict[str, str] = {
    "reference-single hopper-double 37.5 0.85 0.6/0.7/0.7": (
        "0.022 px of a face of 449 px: the graph's own answer moves as far, 0.013 to 0.029 px, "
        "when noise of 0.00001 to 0.0001 of a grey level is added; squares are not truncated in "
        "this geometry, and repeated pixels turn a position's last bits into grey levels"
    ),
    "reference-single group 50 0.95 0.3/0.3/0.3": (
        "0.0009 of one score and 0.016 px of a landmark; not explained: noise of 0.001 of a grey "
        "level moves the graph's own answer by 0.0004, and smaller noise by less"
    ),
}
