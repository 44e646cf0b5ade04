namespace EdgeAgent.Int8.Kernels;

/// <summary>
/// One operator made ready for one CPU and one arena. It can be run in parts: any split of its units over threads
/// writes the same bytes.
/// </summary>
internal abstract class Step
{
    /// <summary>How many independent parts there are.</summary>
    public abstract int Units { get; }

    /// <summary>
    /// Expected work, to decide whether threads pay: in multiply-accumulates of an ordinary convolution, so that the time
    /// of any step on one CPU is about proportional to it.
    /// </summary>
    public abstract long Work { get; }

    /// <summary>Computes units [first, last).</summary>
    public abstract void Run(int first, int last);
}
