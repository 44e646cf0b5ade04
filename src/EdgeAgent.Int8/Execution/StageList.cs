using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// What lies between two barriers: one step that all threads share, or neighbouring steps that the caller does alone.
/// </summary>
/// <param name="FirstStep">Steps [first, last).</param>
/// <param name="Chunks">Pieces that each thread's range of a shared step is claimed in; 0 for steps of the caller.</param>
/// <param name="ChunksBefore">Chunks of a range in all stages before.</param>
internal readonly record struct Stage(int FirstStep, int LastStep, int Chunks, long ChunksBefore)
{
    public bool IsShared => Chunks > 0;
}

/// <summary>The stages of a network for some number of threads.</summary>
internal sealed class StageList
{
    /// <summary>More of them would let a late thread begin sooner, at some 50 ns each.</summary>
    private const int MaxChunks = 3;

    private readonly Stage[] _stages;

    private StageList(Stage[] stages)
    {
        _stages = stages;
        for (var i = 0; i < stages.Length; i++)
            if (stages[i].IsShared)
                (SharedEnd, ChunksOfRange) = (i + 1, stages[i].ChunksBefore + stages[i].Chunks);
    }

    public int Count => _stages.Length;

    /// <summary>Behind the last shared stage.</summary>
    public int SharedEnd { get; }

    /// <summary>Chunks of one thread's ranges in all stages.</summary>
    public long ChunksOfRange { get; }

    public ref readonly Stage this[int index] => ref _stages[index];

    /// <param name="serialWork">Steps of less are not shared.</param>
    public static StageList Of(Step[] steps, int threads, long serialWork)
    {
        var stages = new List<Stage>();
        var (serial, chunks) = (0, 0L);
        for (var i = 0; i < steps.Length; i++)
        {
            if (threads == 1 || steps[i].Units == 1 || steps[i].Work < serialWork)
                continue;
            if (serial < i)
                stages.Add(new(serial, i, 0, chunks));
            var most = Math.Min(MaxChunks, steps[i].Units / threads);
            var worth = steps[i].Work / Math.Max(1, threads * serialWork);
            stages.Add(new(i, i + 1, (int)Math.Clamp(worth, 1, Math.Max(1, most)), chunks));
            chunks += stages[^1].Chunks;
            serial = i + 1;
        }
        if (serial < steps.Length)
            stages.Add(new(serial, steps.Length, 0, chunks));
        return new([.. stages]);
    }
}
