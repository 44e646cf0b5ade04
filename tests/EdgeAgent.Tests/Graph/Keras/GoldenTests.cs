using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>The reference models of MLPerf Tiny as Keras saved them, against outputs that Arm NN computed from their TFLite form.</summary>
public class GoldenTests
{
    [Theory]
    [InlineData("ic_resnet8")]
    [InlineData("vww_96")]
    public void Model_OnGoldenInputs_GivesTheGoldenOutputs(string name) => AssertGolden(name, ModelImporter.Load(Repository.Shared("models", name + ".h5")), 1e-4, 0);

    /// <summary>
    /// ad01_float.tflite, from which the golden outputs come, lacks the biases of the dense layers in front of batch-norms: its
    /// converter dropped them (its folded biases are exactly beta - mean * factor). Without them the .h5 gives the golden outputs.
    /// </summary>
    [Fact]
    public void Autoencoder_WithoutTheBiasesItsTfLiteFormLacks_GivesTheGoldenOutputs()
    {
        var graph = ModelImporter.Load(Repository.Shared("models", "ad01.h5"));
        var normalized = graph.Nodes.Where(n => n.Op is BatchNormalization).Select(n => n.Inputs[0]).ToHashSet();
        var biases = graph.Nodes.Where(n => n.Op is Gemm && normalized.Contains(n.Output)).Select(n => n.Inputs[2]).ToList();
        Assert.Equal(9, biases.Count);
        var constants = graph.Constants.ToDictionary(c => c.Key, c => biases.Contains(c.Key) ? Tensor.Of(new float[c.Value.Count], c.Value.Shape) : c.Value);
        AssertGolden("ad01", graph with { Constants = constants }, 0, 1e-3);
    }

    private static void AssertGolden(string name, GraphSpec graph, double absolute, double relative)
    {
        var input = Npy.Read(Repository.Shared("golden", name + ".input.npy"));
        var expected = Npy.Read(Repository.Shared("golden", name + ".output.npy"));
        foreach (var form in new[] { graph, Simplification.Apply(graph), Simplification.ForQuantization(graph) })
        {
            var actual = new GraphInterpreter(form).Run(new Dictionary<string, Tensor> { [form.Inputs[0].Name] = input })[form.Outputs[0].Name];
            Assert.Equal(expected.Shape, actual.Shape);
            Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(Math.Abs(p.Second - p.First), 0, absolute + relative * Math.Max(1, Math.Abs(p.First))));
        }
    }
}
