// The camera: opening it, switching to the other one, and single frames as JPEG files.

import { Problem } from "./api.js";

const MESSAGES = {
  NotAllowedError: "The browser has no permission to use it. Allow it in the address bar, then try again.",
  NotFoundError: "The browser found no camera on this device.",
  NotReadableError: "Another program is using it. Close that program, then try again.",
};

// Browsers allow the camera only for pages over HTTPS or on localhost.
export const cameraIsAllowed = () => Boolean(navigator.mediaDevices?.getUserMedia);

// Otherwise phones open their camera app; elsewhere the button would open a file dialog.
export const hasCameraApp = () => matchMedia("(pointer: coarse)").matches;

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

export class Camera {
  #stream = null;
  #facing = "user";
  #closings = 0; // the camera may be closed while the browser is still asking for permission

  constructor(video) {
    this.video = video;
  }

  // Returns whether it is open: false if it was closed or reopened in the meantime.
  async open(facing = this.#facing) {
    this.close();
    const closings = this.#closings;
    const isSuperseded = () => closings !== this.#closings;
    try {
      await this.#show(facing, isSuperseded);
    } catch (error) {
      if (isSuperseded()) return false;
      this.close();
      const detail = MESSAGES[error.name] ?? error.message;
      throw new Problem({ title: "Camera unavailable", detail });
    }
    return !isSuperseded();
  }

  async #show(facing, isSuperseded) {
    const video = { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    if (isSuperseded()) {
      stop(stream);
      return;
    }
    this.#stream = stream;
    this.#facing = facing;
    this.video.srcObject = stream;
    await this.video.play();
  }

  flip() {
    return this.open(this.#facing === "user" ? "environment" : "user");
  }

  close() {
    this.#closings += 1;
    stop(this.#stream);
    this.#stream = null;
    this.video.srcObject = null;
  }

  // Whether there is a frame to capture.
  get isShowing() {
    return this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  // A camera that faces the user is mirrored; one that faces away is not.
  get isMirrored() {
    return this.#stream?.getVideoTracks()[0].getSettings().facingMode !== "environment";
  }

  async hasOthers() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length > 1;
  }

  // The current frame, not mirrored, scaled down to `longestSide` pixels.
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
