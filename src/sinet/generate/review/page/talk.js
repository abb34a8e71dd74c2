// Words with the server, one after the other and in order; what is lost on the way is said again.

const PATIENCE_MS = 15000;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Talk {
  // onTrouble is told a sentence while the server cannot take what is said, and null when it can again.
  constructor(token, onTrouble) {
    this.token = token;
    this.onTrouble = onTrouble;
    this.last = Promise.resolve();
  }

  get(address) {
    return this.request(address, {});
  }

  // `body` is a function, called when its turn has come, so that it speaks of things as they are then.
  post(address, body) {
    const turn = this.last.then(() => this.insist(address, body));
    this.last = turn.catch(() => {});
    return turn;
  }

  async insist(address, body) {
    const text = JSON.stringify(body());
    let isTroubled = false;
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      try {
        const answer = await this.request(address, { method: "POST", body: text });
        if (isTroubled) this.onTrouble(null);
        return answer;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) {
          if (isTroubled) this.onTrouble(null);
          throw error;
        }
        isTroubled = true;
        this.onTrouble(error instanceof Refused ? error.message : "The server does not answer; is it still running?");
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async request(address, options) {
    const headers = { "X-Sinet-Token": this.token, "Content-Type": "application/json" };
    const reply = await fetch(address, { ...options, headers, signal: AbortSignal.timeout(PATIENCE_MS) });
    const told = await reply.json();
    if (!reply.ok) throw new Refused(reply.status, told.error);
    return told;
  }

  // Said while the page goes away; nobody waits for the answer.
  farewell(address, body) {
    const headers = { "X-Sinet-Token": this.token, "Content-Type": "application/json" };
    fetch(address, { method: "POST", body: JSON.stringify(body), headers, keepalive: true }).catch(() => {});
  }
}
