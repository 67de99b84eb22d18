// Browsers start no workers for pages opened as files. The search's worker runs in a hidden frame there.
if (location.protocol === "file:") {
  window.Worker = class FrameWorker extends EventTarget {
    #waiting = [];
    #frame = document.createElement("iframe");

    constructor(url) {
      super();
      this.#frame.hidden = true;
      document.body.append(this.#frame);
      const inside = this.#frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", {data}));
      inside.importScripts = (...urls) =>
        urls.reduce((before, next) => before.then(() => this.#load(next)), Promise.resolve());
      this.#load(url).then(() => {
        this.#send = (data) => inside.dispatchEvent(new MessageEvent("message", {data}));
        this.#waiting.forEach(this.#send);
      });
    }

    #send = (data) => this.#waiting.push(data);

    #load(url) {
      return new Promise((resolve, reject) => {
        const script = this.#frame.contentDocument.createElement("script");
        script.src = new URL(url, location.href).href;
        script.onload = resolve;
        script.onerror = reject;
        this.#frame.contentDocument.body.append(script);
      });
    }

    set onmessage(listener) {
      this.addEventListener("message", listener);
    }

    postMessage(data) {
      this.#send(data);
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
