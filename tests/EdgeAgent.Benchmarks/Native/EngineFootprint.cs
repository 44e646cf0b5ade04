using System.Globalization;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Benchmarks.Native;

/// <summary>
/// What the engine adds to a program compiled ahead of time, and how long a process takes from a plan's file to the first
/// result.
/// </summary>
internal static class EngineFootprint
{
    private const int Processes = 41;

    /// <summary>Plan of about this size.</summary>
    private const int PlanBytes = 500_000;

    public static int Run()
    {
        Directory.CreateDirectory(NativeProgram.Folder);
        var plan = Path.Combine(NativeProgram.Folder, "half-megabyte.plan");
        File.WriteAllBytes(plan, HalfMegabyte());
        var level = System.Runtime.Intrinsics.X86.Avx2.IsSupported ? "x86-64-v3" : "x86-64-v2";
        var without = NativeProgram.Publish("linux-x64", $"no-int8-{level}", $"IlcInstructionSet={level}", "Footprint=Without");
        var with = NativeProgram.Publish("linux-x64", $"int8-{level}", $"IlcInstructionSet={level}", "Footprint=With");
        var (withBytes, withoutBytes) = (new FileInfo(with.Path).Length, new FileInfo(without.Path).Length);
        var engine = with.Functions(name => name.StartsWith("EdgeAgent_Int8_EdgeAgent_Int8_", StringComparison.Ordinal)).Sum(f => f.Size);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"program with the engine {withBytes / 1000} kB, without {withoutBytes / 1000} kB: {(withBytes - withoutBytes) / 1000} kB, of which {engine / 1000} kB are the engine's own machine code"));

        var words = Array.Empty<string>();
        var phases = new double[3][];
        for (var phase = 0; phase < phases.Length; phase++)
            phases[phase] = new double[Processes];
        var total = new double[Processes];
        for (var i = 0; i < Processes; i++)
        {
            words = NativeProgram.Output(with.Path, [plan, "1"]).Split(' ');
            for (var phase = 0; phase < phases.Length; phase++)
                total[i] += phases[phase][i] = double.Parse(words[phase + 1], CultureInfo.InvariantCulture);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"plan of {new FileInfo(plan).Length / 1000} kB in a new process ({words[0]}, {level}), ms: load {Median(phases[0]):f2}, executor {Median(phases[1]):f2}, first result {Median(phases[2]):f2}; together median {Median(total):f2}, fastest {total.Min() / 1000:f2} of {Processes}"));
        return 0;
    }

    private static double Median(double[] us) => us.Order().ElementAt(us.Length / 2) / 1000;

    /// <summary>A residual network like the students: blocks of 3x3 convolutions of 64 channels over 8x8.</summary>
    private static byte[] HalfMegabyte()
    {
        var random = new Random(1);
        var b = new PlanBuilder("half a megabyte");
        var q = new Quantization(0.1f, 3);
        var x = Convolution(b, random, b.Input(new PlanShape(32, 32, 3), new Quantization(1, 0)), 64, 4, q);
        for (var bytes = 0; bytes < PlanBytes - 2 * 9 * 64 * 64; bytes += 2 * 9 * 64 * 64)
            x = b.Add(x, Convolution(b, random, Convolution(b, random, x, 64, 1, q), 64, 1, q), q);
        b.Output(b.DenseHead(b.GlobalAveragePool(x, q), Weights(random, 10, 64)));
        return b.Build();
    }

    private static TensorId Convolution(PlanBuilder b, Random random, TensorId x, int outputs, int stride, Quantization q) =>
        b.Convolution(x, Weights(random, outputs, 9 * b.ShapeOf(x).Channels), PlanWindow.Square(3, stride, 1), 1, q);

    private static LayerWeights Weights(Random random, int outputs, int perOutput)
    {
        var values = new sbyte[outputs * perOutput];
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)random.Next(-127, 128);
        return new(values, [.. Enumerable.Repeat(0.001f, outputs)], new int[outputs]);
    }
}
