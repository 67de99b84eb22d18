"""`python -m facedetect`: the command line."""

from facedetect.cli import main

main()
