/** The running parts, in the order in which they must stop. */
export class Shutdown {
  private readonly stages: (() => Promise<void>)[][] = [[], [], []];

  /** Stage 0 stops first: the programs; then the servers they use; then the claim on the folder. */
  add(stage: 0 | 1 | 2, stop: () => Promise<void>): void {
    this.stages[stage]!.push(stop);
  }

  async run(): Promise<void> {
    for (const stage of this.stages) await Promise.allSettled(stage.splice(0).map((stop) => stop()));
  }
}
