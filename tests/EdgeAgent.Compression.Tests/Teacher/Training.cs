using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using IrTensor = EdgeAgent.Graph.Ir.Tensor;

namespace EdgeAgent.Compression.Tests.Teacher;

/// <summary>What "trainable" means of an imported model: libtorch computes what the interpreter does, and steps lower the loss.</summary>
internal static class Training
{
    public static IrTensor Inputs(GraphSpec graph, int batch, int seed = 1, float range = 1)
    {
        var random = new Random(seed);
        int[] shape = [batch, .. graph.Inputs[0].Shape[1..]];
        return IrTensor.Of([.. Enumerable.Range(0, shape.Aggregate(1, (a, d) => a * d)).Select(_ => (random.NextSingle() * 2 - 1) * range)], shape);
    }

    public static void AssertComputesAsTheInterpreter(GraphSpec graph, IrTensor input, float tolerance = 1e-4f)
    {
        var expected = new GraphInterpreter(graph).Run(new Dictionary<string, IrTensor> { [graph.Inputs[0].Name] = input })[graph.Outputs[0].Name];
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        var actual = new TorchGraph(graph, bfloat16: false).Run(input.ToTorch(), parameters.Lookup, training: false);
        Assert.Equal(expected.Shape.Select(d => (long)d), actual.shape);
        TorchGraphTests.AssertClose(expected.Floats, actual.ToFloats(), tolerance);
    }

    /// <summary>Steps on one batch with labels of its own: a model whose gradients are right learns them.</summary>
    /// <param name="share">Of the first loss, that the last is below.</param>
    /// <returns>The trained model.</returns>
    public static GraphSpec AssertLearns(GraphSpec graph, IrTensor input, int steps = 8, double rate = 0.01, double share = 0.8)
    {
        var batch = input.Shape[0];
        using var scope = torch.NewDisposeScope();
        var images = input.ToTorch();
        var normed = BatchNormInsertion.Apply(graph, [images]);
        var groups = ChannelDependencies.Find(normed);
        using var weights = new StudentWeights(normed, groups, [new StudentShape("whole", 1, [.. groups.Select(g => g.Size)])]);
        var executor = new TorchGraph(weights.Graphs[0], bfloat16: false);
        var classes = ShapeInference.Infer(graph, batch)[graph.Outputs[0].Name].Shape[^1];
        var labels = torch.tensor([.. Enumerable.Range(0, batch).Select(i => (long)(i % classes))]);
        using var optimizer = new Sgd(weights.Trained, momentum: 0.9, decay: 0);
        var losses = new List<float>();
        for (var step = 0; step < steps; step++)
        {
            using var pass = torch.NewDisposeScope();
            var loss = torch.nn.functional.cross_entropy(executor.Run(images, weights.Student(0), training: true), labels);
            loss.backward();
            optimizer.Step(rate, clip: 5);
            losses.Add(loss.item<float>());
        }
        Assert.All(losses, l => Assert.True(float.IsFinite(l), $"losses {string.Join(", ", losses)}"));
        Assert.True(losses[^1] < share * losses[0], $"losses {string.Join(", ", losses)}");
        return weights.Extract(0);
    }
}
