using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using EdgeAgent.Benchmarks.Native;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Benchmarks.Int8;

/// <summary>
/// EdgeAgent.Int8 against ONNX Runtime's int8 (U8S8, the faster of QDQ and QOperator) and its float32 on the same weights,
/// in one process. Runs are interleaved one by one, so that whatever else the machine does meets all of them alike.
/// </summary>
internal static class EngineBenchmark
{
    private const int Rounds = 3000;

    /// <summary>Of which the best counts: on a busy machine one alone may meet nothing but other work.</summary>
    private const int PeakMeasurements = 20;

    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(0.7);

    /// <param name="models">
    /// QDQ ONNX files, each with its plan behind it where that is to be used as it is, or float ones, which are quantized here;
    /// none means the four networks of MLPerf Tiny.
    /// </param>
    public static int Compare(int threads, ReadOnlySpan<string> models)
    {
        Describe(threads);
        Console.WriteLine($"{"network",-17} {"MMAC",6} | {"int8 us",9} {"ort QDQ",9} {"ort QOp",9} {"ort fp32",9} | {"vs int8",7} {"vs fp32",7} | same class");
        foreach (var (graph, plan) in Subjects(models))
            Compare(graph, plan, threads);
        return 0;
    }

    /// <summary>
    /// The engine with several threads against itself with one. No other engine runs in between: ONNX Runtime's threads spin
    /// on after a run and would hold the cores. Two figures tell what the cores allow, since a hypervisor may move virtual ones to
    /// the two halves of a core or to two dies: how much one thread loses when the others run networks of their own, and
    /// how long a cache line takes to another core and back.
    /// </summary>
    public static int CompareThreads(int threads, ReadOnlySpan<string> models)
    {
        Describe(threads);
        foreach (var (graph, given) in Subjects(models))
        {
            using var model = PlanModel.Load(given ?? Quantized(graph).Plan);
            using var alone = new PlanExecutor(model);
            using var shared = new PlanExecutor(model, threads);
            var input = Noise(alone.InputShape.Count, 1);
            var output = new float[alone.OutputShape.Count];
            var roundTrip = RoundTripNs();
            // Runs of one kind follow one another in tens, as they do in use: the workers are awake from the second on.
            var times = Interleaved(() => Tenfold(alone, input, output), () => Tenfold(shared, input, output));
            Console.WriteLine(FormattableString.Invariant(
                $"{graph.Name,-17} {model.Macs / 1e6,6:f2} MMAC: 1 thread {times[0] / 10:f1} us, {threads} threads {times[1] / 10:f1} us, {times[0] / times[1]:f2}x; the cores allow {threads * times[0] / BesideOthers(model, threads - 1):f2}x, a line goes there and back in {roundTrip:f0} ns"));
        }
        return 0;
    }

    /// <summary>The median of the means of a thousand trips each.</summary>
    private static double RoundTripNs()
    {
        const int batches = 101, trips = 1000;
        long ball = 0; // odd: with the other thread
        var other = new Thread(() =>
        {
            for (var trip = 1L; trip < 2 * batches * trips; trip += 2)
            {
                while (Volatile.Read(ref ball) != trip)
                {
                }
                Volatile.Write(ref ball, trip + 1);
            }
        });
        other.Start();
        var means = new double[batches];
        for (var batch = 0; batch < batches; batch++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var trip = 0L; trip < trips; trip++)
            {
                Volatile.Write(ref ball, 2 * (batch * trips + trip) + 1);
                while (Volatile.Read(ref ball) != 2 * (batch * trips + trip) + 2)
                {
                }
            }
            means[batch] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / trips;
        }
        other.Join();
        Array.Sort(means);
        return means[batches / 2];
    }

    /// <summary>As ten runs with one thread, while other threads do the same on their own.</summary>
    private static double BesideOthers(PlanModel model, int others)
    {
        using var stop = new CancellationTokenSource();
        var threads = Enumerable.Range(0, others).Select(_ => new Thread(() =>
        {
            using var executor = new PlanExecutor(model);
            var (input, output) = (Noise(executor.InputShape.Count, 1), new float[executor.OutputShape.Count]);
            while (!stop.IsCancellationRequested)
                Tenfold(executor, input, output);
        })).ToList();
        threads.ForEach(t => t.Start());
        using var own = new PlanExecutor(model);
        var (input, output) = (Noise(own.InputShape.Count, 1), new float[own.OutputShape.Count]);
        var time = Interleaved(() => Tenfold(own, input, output))[0];
        stop.Cancel();
        threads.ForEach(t => t.Join());
        return time;
    }

    private static void Tenfold(PlanExecutor executor, float[] input, float[] output)
    {
        for (var run = 0; run < 10; run++)
            executor.Run(input, output);
    }

    private static List<(GraphSpec Graph, byte[]? Plan)> Subjects(ReadOnlySpan<string> models)
    {
        var subjects = new List<(GraphSpec Graph, byte[]? Plan)>();
        foreach (var path in models)
            if (path.EndsWith(".plan", StringComparison.Ordinal) && subjects.Count > 0)
                subjects[^1] = subjects[^1] with { Plan = File.ReadAllBytes(path) };
            else
                subjects.Add((ModelImporter.Load(path), null));
        if (subjects.Count == 0)
            subjects.AddRange(ReferenceNetworks.All().Select(g => (g, default(byte[]))));
        return subjects;
    }

    /// <summary>Median time of every operator of the networks, on one thread.</summary>
    public static int Profile(ReadOnlySpan<string> models)
    {
        var graphs = new List<GraphSpec>();
        foreach (var path in models)
            graphs.Add(ModelImporter.Load(path));
        Describe(1);
        foreach (var graph in graphs.Count > 0 ? graphs : ReferenceNetworks.All())
        {
            var (_, _, plan) = Quantized(graph);
            using var model = PlanModel.Load(plan);
            using var executor = new PlanExecutor(model);
            Console.WriteLine(FormattableString.Invariant($"{graph.Name}: plan {plan.Length} bytes, arena {executor.ArenaBytes} of at least {executor.LargestLiveSetBytes} bytes"));
            var input = Noise(executor.InputShape.Count, 1);
            WarmUp(() => executor.Run(input, new float[executor.OutputShape.Count]));
            foreach (var timing in executor.Profile(input, runs: 2001))
                Console.WriteLine(FormattableString.Invariant(
                    $"  {timing.Operator.Type,-14} {string.Join(' ', timing.Operator.Inputs),-20} -> {timing.Operator.Output,-10} {timing.Us,8:f2} us {timing.GigaMacsPerSecond,6:f0} GMAC/s"));
        }
        return 0;
    }

    /// <summary>Single layers in a warm cache on every kernel set at hand, against the peak of the set's instructions.</summary>
    public static int Layers()
    {
        Describe(1);
        foreach (var kernels in KernelSet.All.Where(k => k.IsSupported && k.Name != "scalar"))
        {
            var peak = Enumerable.Range(0, PeakMeasurements).Max(_ => CoreRoofline.PeakInt8(kernels));
            Console.WriteLine(FormattableString.Invariant($"{kernels.Name}: peak {peak:f0} GMAC/s"));
            foreach (var layer in SingleLayer.All)
            {
                using var model = PlanModel.Load(layer.Plan);
                using var executor = new PlanExecutor(model, kernels: kernels);
                var input = Noise(executor.InputShape.Count, 1);
                WarmUp(() => executor.Run(input, new float[executor.OutputShape.Count]));
                var timing = executor.Profile(input, runs: 2001).MaxBy(t => t.Operator.Macs)!;
                Console.WriteLine(FormattableString.Invariant(
                    $"  {layer.Name,-32} {timing.Us,8:f2} us {timing.GigaMacsPerSecond,6:f0} GMAC/s {timing.GigaMacsPerSecond / peak,5:p0}"));
            }
        }
        return 0;
    }

    private static void Compare(GraphSpec graph, byte[]? given, int threads)
    {
        var (floats, qdq, plan) = Quantized(graph);
        using var model = PlanModel.Load(given ?? plan);
        using var executor = new PlanExecutor(model, threads);
        var input = Noise(executor.InputShape.Count, 1);
        var (own, int8, float32) = (new float[executor.OutputShape.Count], new float[executor.OutputShape.Count], new float[executor.OutputShape.Count]);
        var file = OnnxExporter.ToBytes(qdq);
        using var ortQdq = new OnnxRuntimeRunner(file, input, int8, threads);
        using var ortQOperator = new OnnxRuntimeRunner(OnnxRuntimeRunner.QOperatorForm(file), input, new float[int8.Length], threads);
        using var ortFloat = new OnnxRuntimeRunner(OnnxExporter.ToBytes(floats), input, float32, threads);

        var times = Interleaved(() => executor.Run(input, own), ortQdq.Run, ortQOperator.Run, ortFloat.Run);
        var same = SameClass(executor, ortQdq, input, own, int8);
        Console.WriteLine(FormattableString.Invariant(
            $"{graph.Name,-17} {model.Macs / 1e6,6:f2} | {times[0],9:f1} {times[1],9:f1} {times[2],9:f1} {times[3],9:f1} | {Math.Min(times[1], times[2]) / times[0],6:f2}x {times[3] / times[0],6:f2}x | {same:p1}"));
    }

    /// <summary>Median time of each action in us.</summary>
    private static double[] Interleaved(params Action[] actions)
    {
        var ticks = new long[actions.Length][];
        for (var a = 0; a < actions.Length; a++)
            ticks[a] = new long[Rounds];
        WarmUp(actions);
        for (var round = 0; round < Rounds; round++)
            for (var a = 0; a < actions.Length; a++)
            {
                var start = Stopwatch.GetTimestamp();
                actions[a]();
                ticks[a][round] = Stopwatch.GetTimestamp() - start;
            }
        return Array.ConvertAll(ticks, t =>
        {
            Array.Sort(t);
            return t[Rounds / 2] * 1e6 / Stopwatch.Frequency;
        });
    }

    /// <summary>By time, not by rounds: the JIT replaces its first code a tenth of a second after the last new method at the earliest.</summary>
    private static void WarmUp(params ReadOnlySpan<Action> actions)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < s_warmUp)
            foreach (var action in actions)
                action();
    }

    private static double SameClass(PlanExecutor executor, OnnxRuntimeRunner reference, float[] input, float[] own, float[] theirs)
    {
        const int samples = 500;
        var same = 0;
        for (var i = 0; i < samples; i++)
        {
            Noise(input.Length, i + 2).CopyTo(input, 0);
            executor.Run(input, own);
            reference.Run();
            same += Largest(own) == Largest(theirs) ? 1 : 0;
        }
        return (double)same / samples;
    }

    private static int Largest(float[] values) => Array.IndexOf(values, values.Max());

    /// <summary>Post-training quantization with the range of 16 random inputs; a file that is quantized already stays as it is.</summary>
    private static (GraphSpec Float, GraphSpec Qdq, byte[] Plan) Quantized(GraphSpec graph)
    {
        if (graph.Nodes.Any(n => n.Op is QuantizeLinear))
            return (FloatGraph.Of(graph), graph, PlanLowering.Lower(graph));
        var floats = Simplification.ForQuantization(graph);
        var input = floats.Inputs[0];
        int[] shape = [1, .. input.Shape.AsSpan(1)];
        var batches = Enumerable.Range(0, 16).Select(i => (IReadOnlyDictionary<string, Tensor>)new Dictionary<string, Tensor>
        {
            [input.Name] = Tensor.Of(Noise(shape.Aggregate(1, (a, b) => a * b), 1000 + i), shape),
        });
        var activations = MinMaxCalibration.Run(floats, batches, ActivationFormat.UInt8, threads: 1);
        var qdq = QdqRewrite.Apply(floats, new(ActivationFormat.UInt8, activations, new Dictionary<string, float[]>()));
        return (floats, qdq, PlanLowering.Lower(qdq));
    }

    private static float[] Noise(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = random.NextSingle();
        return values;
    }

    private static void Describe(int threads) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{CpuName()}, kernels {KernelSet.Default.Name}, {threads} thread(s), {(RuntimeFeature.IsDynamicCodeCompiled ? "JIT" : "AOT")}, median of {Rounds} interleaved runs"));

    private static string CpuName() =>
        File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(':') + 2)..]
            : "unknown CPU";
}
