// The camera: opening it, turning to the other one, and single frames as JPEG files.

import { Problem } from "./api.js";

const WORDS = {
  NotAllowedError: "The browser was not allowed to use it. Allow it in the address bar, then try again.",
  NotFoundError: "This device has no camera that the browser can see.",
  NotReadableError: "Another program is using it. Close that one, then try again.",
};

// Browsers give the camera to pages over HTTPS or on localhost only.
export const cameraIsAllowed = () => Boolean(navigator.mediaDevices?.getUserMedia);

// Without it phones open their camera app; elsewhere the button would be one more for files.
export const hasCameraApp = () => matchMedia("(pointer: coarse)").matches;

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

export class Camera {
  #stream = null;
  #facing = "user";
  #closings = 0; // people may take the camera back while the browser still asks whether they give it

  constructor(video) {
    this.video = video;
  }

  // Returns whether it is open: false where it was closed, or opened anew, in the meantime.
  async open(facing = this.#facing) {
    this.close();
    const closings = this.#closings;
    const isOvertaken = () => closings !== this.#closings;
    try {
      await this.#show(facing, isOvertaken);
    } catch (error) {
      if (isOvertaken()) return false;
      this.close();
      const detail = WORDS[error.name] ?? error.message;
      throw new Problem({ title: "The camera cannot be used", detail });
    }
    return !isOvertaken();
  }

  async #show(facing, isOvertaken) {
    const video = { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    if (isOvertaken()) {
      stop(stream);
      return;
    }
    this.#stream = stream;
    this.#facing = facing;
    this.video.srcObject = stream;
    await this.video.play();
  }

  turn() {
    return this.open(this.#facing === "user" ? "environment" : "user");
  }

  close() {
    this.#closings += 1;
    stop(this.#stream);
    this.#stream = null;
    this.video.srcObject = null;
  }

  // Whether there is a frame to take: not until the browser has given one.
  get isShowing() {
    return this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
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
