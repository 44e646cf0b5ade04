using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Quantization;
using EdgeAgent.Compression.Reporting;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Compression.Tests.Reporting;

public sealed class LayerStudyTests : IDisposable
{
    private readonly TestData _data = new();

    static LayerStudyTests() => TorchRuntime.Prepare();

    public void Dispose() => _data.Dispose();

    [Fact]
    public void Run_WithOneLayerRoundedCoarsely_FindsThatLayer()
    {
        var images = _data.Batches();
        var teacher = TestGraphs.Residual();
        using var student = new QuantizedStudent(teacher, ActivationFormat.UInt8);
        student.Calibrate([images.Tensor(images.Assemble(new BatchPlan(0, 0, -1, [.. Enumerable.Range(0, 32)])))]);
        var (graph, quantization) = student.Export();
        // The result of the second convolution of the branch keeps 8 steps of its 256.
        var victim = graph.Nodes[2];
        var value = QuantizationPoints.Of(graph).Clamped.GetValueOrDefault(victim.Output, victim.Output);
        var fine = quantization.Activations[value];
        var coarse = quantization with { Activations = quantization.Activations.ToDictionary(a => a.Key, a => a.Key == value ? new ActivationQuantization(fine.Scale * 32, (byte)(fine.ZeroPoint / 32)) : a.Value) };

        var even = Study(quantization);
        var uneven = Study(coarse);

        Assert.Equal(victim.Name, uneven.Layers.MaxBy(l => l.LogitError)!.Name);
        Assert.Equal(even.Layers.Select(l => l.Name), uneven.Layers.Select(l => l.Name));
        foreach (var (before, after) in even.Layers.Zip(uneven.Layers))
        {
            // One layer alone rounds: the others do not feel their neighbour.
            if (after.Name != victim.Name)
                Assert.Equal(before.LogitError!.Value, after.LogitError!.Value, 1e-6);
            else
                Assert.True(after.LogitError > 8 * before.LogitError && after.SqnrDb < before.SqnrDb - 15, $"{before} became {after}");
        }
        // An even distribution over 256 steps has 6.02 x 8 = 48 dB; pixels are that, and have no error at all where the scale is 1.
        Assert.InRange(even.Layers[0].SqnrDb ?? 48, 40, 60);
        // What comes after the coarse layer inherits its error.
        Assert.True(uneven.Layers[^1].SqnrDb < even.Layers[^1].SqnrDb);

        StudentLayers Study(QuantizationParameters parameters)
        {
            var finished = new FinishedStudent(new StudentShape("w", 1, []), false, graph, parameters, 0, 0, 0, null!);
            var written = StudentFiles.Write(finished, ActivationFormat.UInt8, images, Path.Combine(_data.Root, "w.onnx"), 1, TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
            return LayerStudy.Run(written, teacher, images, TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        }
    }
}
