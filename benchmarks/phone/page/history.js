// What was done, to be undone and done again. An edit is { undo(), redo() }; it has been done when it is added.

export class History {
  #edits = [];
  #done = 0;

  get canUndo() { return this.#done > 0; }
  get canRedo() { return this.#done < this.#edits.length; }
  /** The edits that are in effect, oldest first. */
  get edits() { return this.#edits.slice(0, this.#done); }

  add(edit) {
    this.#edits.splice(this.#done, Infinity, edit);
    this.#done++;
  }

  undo() {
    if (this.canUndo) this.#edits[--this.#done].undo();
  }

  redo() {
    if (this.canRedo) this.#edits[this.#done++].redo();
  }

  clear() {
    this.#edits = [];
    this.#done = 0;
  }
}
