using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Kernels.Scalar;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// A plan made ready for this CPU: weights packed, one arena, threads waiting. A run allocates nothing. One executor serves one
/// caller at a time and refuses a second; several may share a model.
/// </summary>
public sealed unsafe class PlanExecutor : IDisposable
{
    private readonly byte* _arena;
    private readonly InputSource _source = new();
    private readonly Step[] _steps;
    private readonly int[] _operatorOf;
    private readonly WorkerPool _pool;
    private readonly float* _floats;
    private readonly IReadOnlyList<OperatorSummary> _operators;

    /// <summary>Idle, running or disposed.</summary>
    private int _state;

    private const int Idle = 0, Running = 1, Disposed = 2;

    /// <param name="model">May be disposed afterwards.</param>
    /// <param name="threads">Threads to use, the caller's included. Results do not depend on it.</param>
    /// <param name="kernels">The instruction set; by default the environment variable EDGEAGENT_INT8_KERNELS, else the best.</param>
    /// <exception cref="ArgumentException">The kernel set is not supported by this CPU.</exception>
    /// <exception cref="PlanFormatException">The plan needs more memory than an arena may have.</exception>
    public PlanExecutor(PlanModel model, int threads = 1, KernelSet? kernels = null)
        : this(model, threads, kernels, serialWork: null)
    {
    }

    /// <param name="serialWork">Steps of less work stay on one thread; tests set it to 0.</param>
    internal PlanExecutor(PlanModel model, int threads, KernelSet? kernels, long? serialWork)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(threads is >= 1 and <= 256, true, nameof(threads));
        Kernels = kernels ?? KernelSet.Default;
        if (!Kernels.IsSupported)
            throw new ArgumentException($"kernel set '{Kernels.Name}' is not supported by this CPU");
        Threads = threads;
        InputShape = model.InputShape;
        OutputShape = model.OutputShape;
        _operators = model.Operators;
        var layout = ArenaLayout.Of(model);
        ArenaBytes = layout.Bytes;
        LargestLiveSetBytes = layout.LargestLiveSet;
        _arena = (byte*)NativeMemory.AlignedAlloc((nuint)(layout.Bytes + ArenaLayout.Slack), 64);
        try
        {
            new Span<byte>(_arena, layout.Bytes + ArenaLayout.Slack).Clear();
            _floats = (float*)(_arena + layout.Places[model.OutputTensor].Offset);
            var compiler = new StepCompiler(model, layout, _arena, Kernels, _source);
            (_steps, _operatorOf) = compiler.Compile();
            _pool = new(_steps, threads, serialWork ?? Kernels.SerialWork);
        }
        catch
        {
            // The finalizer of an object whose constructor failed runs too, and would free the arena again.
            GC.SuppressFinalize(this);
            NativeMemory.AlignedFree(_arena);
            throw;
        }
    }

    /// <summary>Of an executor that nobody disposed of: no run is in progress, and the workers, which would keep all weights for ever, may end when they like.</summary>
    ~PlanExecutor()
    {
        _pool?.Stop();
        NativeMemory.AlignedFree(_arena);
    }

    public KernelSet Kernels { get; }

    public int Threads { get; }

    public PlanShape InputShape { get; }

    public PlanShape OutputShape { get; }

    /// <summary>Bytes of activations this executor holds.</summary>
    public long ArenaBytes { get; }

    /// <summary>The largest sum of tensors alive at one time: no arena could be smaller.</summary>
    public long LargestLiveSetBytes { get; }

    /// <summary>Runs one sample.</summary>
    /// <param name="input">[C, H, W], exactly as the ONNX model takes it.</param>
    /// <param name="output">[C, H, W]; for a classifier the logits.</param>
    /// <exception cref="ArgumentException">A length does not fit the model.</exception>
    /// <exception cref="InvalidOperationException">Another run is in progress.</exception>
    public void Run(ReadOnlySpan<float> input, Span<float> output)
    {
        Check(input.Length, output.Length);
        Enter();
        try
        {
            fixed (float* data = input)
            {
                _source.Data = data;
                _pool.Run();
            }
            CopyOutput(output);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Times every operator by itself, on one thread.</summary>
    /// <param name="runs">Runs to take the median over.</param>
    /// <exception cref="ArgumentException">A length does not fit the model.</exception>
    /// <exception cref="InvalidOperationException">Another run is in progress.</exception>
    public IReadOnlyList<OperatorTiming> Profile(ReadOnlySpan<float> input, int runs = 101)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        Check(input.Length, OutputShape.Count);
        var ticks = new long[_operators.Count][];
        for (var i = 0; i < ticks.Length; i++)
            ticks[i] = new long[runs];
        Enter();
        try
        {
            fixed (float* data = input)
            {
                _source.Data = data;
                for (var run = 0; run < runs; run++)
                    for (var i = 0; i < _steps.Length; i++)
                    {
                        var start = Stopwatch.GetTimestamp();
                        _steps[i].Run(0, _steps[i].Units);
                        ticks[_operatorOf[i]][run] += Stopwatch.GetTimestamp() - start;
                    }
            }
        }
        finally
        {
            Leave();
        }
        var timings = new OperatorTiming[ticks.Length];
        for (var i = 0; i < timings.Length; i++)
            timings[i] = new(_operators[i], Median(ticks[i]) * 1e6 / Stopwatch.Frequency);
        return timings;
    }

    /// <summary>Waits for a run that is in progress.</summary>
    public void Dispose()
    {
        var wait = new SpinWait();
        int state;
        while ((state = Interlocked.CompareExchange(ref _state, Disposed, Idle)) == Running)
            wait.SpinOnce();
        if (state == Disposed)
            return;
        _pool.Dispose();
        NativeMemory.AlignedFree(_arena);
        GC.SuppressFinalize(this);
    }

    private void Check(int input, int output)
    {
        if (input != InputShape.Count)
            throw new ArgumentException($"the input has {input} values, the model takes {InputShape.Count} ({InputShape})");
        if (output != OutputShape.Count)
            throw new ArgumentException($"the output has room for {output} values, the model gives {OutputShape.Count} ({OutputShape})");
    }

    /// <summary>Two runs at once would write one arena.</summary>
    private void Enter()
    {
        var state = Interlocked.CompareExchange(ref _state, Running, Idle);
        ObjectDisposedException.ThrowIf(state == Disposed, this);
        if (state == Running)
            throw new InvalidOperationException("this executor is in a run: it serves one caller at a time; callers beside one another need an executor each, which may share the model");
    }

    private void Leave() => Volatile.Write(ref _state, Idle);

    private void CopyOutput(Span<float> output)
    {
        var (pixels, channels) = (OutputShape.Pixels, OutputShape.Channels);
        if (pixels == 1)
            new ReadOnlySpan<float>(_floats, channels).CopyTo(output);
        else
            for (var c = 0; c < channels; c++)
                for (var p = 0; p < pixels; p++)
                    output[c * pixels + p] = _floats[(nint)p * channels + c];
    }

    private static long Median(long[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
