using System.Diagnostics;
using System.IO.Compression;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Pruning;

/// <summary>
/// Unstructured sparsity: single weights held at zero through training. Dense kernels multiply zeros as fast as anything else;
/// what is gained is the size of the file once it is compressed, and <see cref="Measure"/> says both.
/// </summary>
internal sealed class ZeroWeights : IDisposable
{
    private const int Runs = 60;

    private readonly List<(Tensor Weight, Tensor Mask)> _masks = [];

    private ZeroWeights()
    {
    }

    /// <summary>The smallest weights of all layers together, each taken relative to its layer's root mean square.</summary>
    /// <param name="share">Share of the weights, in (0, 1).</param>
    public static ZeroWeights Smallest(IReadOnlyList<TrainedTensor> trained, double share)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var weights = trained.Where(t => t.Decays).Select(t => t.Value).ToArray();
        var sizes = Array.ConvertAll(weights, w =>
        {
            var values = w.ToFloats();
            var scale = MathF.Sqrt(values.Average(v => v * v));
            return Array.ConvertAll(values, v => scale > 0 ? MathF.Abs(v) / scale : 0);
        });
        var sorted = sizes.SelectMany(s => s).ToArray();
        Array.Sort(sorted);
        var threshold = sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
        var zeros = new ZeroWeights();
        for (var i = 0; i < weights.Length; i++)
            zeros._masks.Add((weights[i], torch.tensor(Array.ConvertAll(sizes[i], s => s < threshold ? 0f : 1f), weights[i].shape).DetachFromDisposeScope()));
        return zeros;
    }

    /// <summary>The trainee with its zeros put back before each step: momentum and weight decay know nothing of them.</summary>
    public Trainee Around(Trainee trainee) => trainee with
    {
        Step = input =>
        {
            Apply();
            return trainee.Step(input);
        },
    };

    public void Apply()
    {
        using var _ = torch.no_grad();
        foreach (var (weight, mask) in _masks)
            weight.mul_(mask);
    }

    /// <summary>The sparse file against the dense one: compressed sizes, and latencies in ONNX Runtime, interleaved.</summary>
    public static SparsityReport Measure(GraphSpec graph, string sparse, string dense, RunInputs inputs, CancellationToken cancellation)
    {
        var weights = graph.Nodes.Where(n => n.Op is Conv or Gemm or MatMul).Select(n => n.Inputs[1]).Where(graph.Constants.ContainsKey).Distinct().Select(n => graph.Constants[n]).ToArray();
        var zeros = weights.Sum(w => (long)w.Floats.AsSpan().Count(0f));
        var (sparseUs, denseUs) = Interleaved(sparse, dense, inputs, cancellation);
        return new SparsityReport((double)zeros / weights.Sum(w => (long)w.Count), Compressed(sparse), Compressed(dense), sparseUs, denseUs);
    }

    /// <summary>Median latency of one image in microseconds, ONNX Runtime, one thread.</summary>
    public static double MedianUs(string path, RunInputs inputs, CancellationToken cancellation)
    {
        using var model = new OnnxModel(path, threads: 1);
        return model.MedianUs(inputs.Validation.Sequential(1, 1, cancellation).Single().Input, inputs.Validation.SampleShape);
    }

    public void Dispose()
    {
        foreach (var (_, mask) in _masks)
            mask.Dispose();
    }

    private static (double First, double Second) Interleaved(string first, string second, RunInputs inputs, CancellationToken cancellation)
    {
        var sample = inputs.Validation.Sequential(1, 1, cancellation).Single().Input;
        using OnnxModel a = new(first, threads: 1), b = new(second, threads: 1);
        double[] aUs = new double[Runs], bUs = new double[Runs];
        for (var i = -5; i < Runs; i++)
        {
            double one = Time(a), other = Time(b);
            if (i >= 0)
                (aUs[i], bUs[i]) = (one, other);
        }
        Array.Sort(aUs);
        Array.Sort(bUs);
        return (Statistics.Percentile(aUs, 0.5), Statistics.Percentile(bUs, 0.5));

        double Time(OnnxModel model)
        {
            var start = Stopwatch.GetTimestamp();
            model.Run(sample, 1, inputs.Validation.SampleShape);
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
    }

    private static long Compressed(string path)
    {
        using var counted = new MemoryStream();
        using (var gzip = new GZipStream(counted, CompressionLevel.Optimal, leaveOpen: true))
        using (var file = File.OpenRead(path))
            file.CopyTo(gzip);
        return counted.Length;
    }
}
