/** What has come up so far, in the order in which it has to go down again. */
export class Shutdown {
  private readonly stages: (() => Promise<void>)[][] = [[], [], []];

  /** Stage 0 goes first: the programs; then the servers they use; then the hold on the folder. */
  add(stage: 0 | 1 | 2, stop: () => Promise<void>): void {
    this.stages[stage]!.push(stop);
  }

  async run(): Promise<void> {
    for (const stage of this.stages) await Promise.allSettled(stage.splice(0).map((stop) => stop()));
  }
}
