// The camera: opening it, turning to the other one, and single frames as JPEG files.

import { Problem } from "./api.js";

const WORDS = {
  NotAllowedError: "The browser was not allowed to use it. Allow it in the address bar, then try again.",
  NotFoundError: "This device has no camera that the browser can see.",
  NotReadableError: "Another program is using it. Close that one, then try again.",
};

// Browsers give the camera to pages over HTTPS or on localhost only.
export const cameraIsAllowed = () => Boolean(navigator.mediaDevices?.getUserMedia);

export class Camera {
  #stream = null;
  #facing = "user";

  constructor(video) {
    this.video = video;
  }

  async open() {
    this.close();
    const video = { facingMode: this.#facing, width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video });
    } catch (error) {
      const detail = WORDS[error.name] ?? error.message;
      throw new Problem({ title: "The camera cannot be used", detail });
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
  }

  async turn() {
    this.#facing = this.#facing === "user" ? "environment" : "user";
    await this.open();
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  // People know themselves from the mirror; a camera that looks away from them shows what is there.
  get isMirrored() {
    return this.#stream?.getVideoTracks()[0].getSettings().facingMode !== "environment";
  }

  async hasOthers() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length > 1;
  }

  // What the camera sees now, not mirrored, scaled down to `longestSide` pixels.
  async frame(longestSide = Infinity) {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, longestSide / Math.max(videoWidth, videoHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.round(videoHeight * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    return new File([blob], "camera.jpg", { type: "image/jpeg" });
  }
}
