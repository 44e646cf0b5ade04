using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Compression.Tests.Family;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Tests.Graph;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Teacher;

public sealed class TorchGraphTests
{
    private const int Samples = 8;

    static TorchGraphTests() => TorchRuntime.Prepare();

    public static TheoryData<string> Graphs() => ["residual", "concat-depthwise", "small-resnet", "factored-gated", "mobile"];

    internal static GraphSpec Named(string name) => name switch
    {
        "residual" => TestGraphs.Residual(),
        "concat-depthwise" => TestGraphs.ConcatDepthwise(),
        "factored-gated" => TestGraphs.FactoredGated(),
        "mobile" => Simplification.Apply(MobileBlocksTests.Mobile(TestGraphs.FactoredGated()).Mobile),
        _ => SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 5),
    };

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Run_InFloat32_EqualsTheInterpreter(string name)
    {
        var graph = Named(name);

        AssertClose(Interpreted(graph), Computed(graph), 1e-4f);
    }

    public static TheoryData<string> Operators() => [.. OperatorGraphs.All.Keys.Where(name => !name.Contains("Quantize", StringComparison.Ordinal) && OperatorGraphs.All[name]().Inputs.Count == 1)];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Run_OfEveryOperator_EqualsTheInterpreter(string name)
    {
        var graph = OperatorGraphs.All[name]();
        Training.AssertComputesAsTheInterpreter(graph, EdgeAgent.Tests.Graph.TestGraph.Inputs(graph, batch: 3).Values.Single());
    }

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Insertion_OfBatchNorms_KeepsTheOutputs(string name)
    {
        var graph = Named(name);
        using var batch = torch.tensor(TestGraphs.Images(32, seed: 2), [32, 3, TestGraphs.Size, TestGraphs.Size]);

        var normed = BatchNormInsertion.Apply(graph, [batch]);

        Assert.Equal(graph.Nodes.Count(n => n.Op is Conv), normed.Nodes.Count(n => n.Op is BatchNormalization));
        AssertClose(Interpreted(graph), Interpreted(normed), 1e-4f);
    }

    [Fact]
    public void Unary_OfAClipWithOneBound_TakesBfloat16()
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.tensor(new[] { -2f, 0.5f, 3f }).to(torch.ScalarType.BFloat16);
        Assert.Equal([-2f, 0, 0], TorchOperators.Unary(new Clip(float.MinValue, 0), x).to(torch.ScalarType.Float32).ToFloats());
        Assert.Equal([0, 0.5f, 3], TorchOperators.Unary(new Clip(0, float.MaxValue), x).to(torch.ScalarType.Float32).ToFloats());
    }

    internal static float[] Interpreted(GraphSpec graph)
    {
        var input = Tensor.Of(TestGraphs.Images(Samples), Samples, 3, TestGraphs.Size, TestGraphs.Size);
        return new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = input })[graph.Outputs[0].Name].Floats;
    }

    internal static void AssertClose(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * Math.Max(1, Math.Abs(expected[i])));
    }

    private static float[] Computed(GraphSpec graph)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        var input = torch.tensor(TestGraphs.Images(Samples), [Samples, 3, TestGraphs.Size, TestGraphs.Size]);
        return new TorchGraph(graph, bfloat16: false).Run(input, parameters.Lookup, training: false).ToFloats();
    }
}
