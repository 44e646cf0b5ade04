using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph;

namespace EdgeAgent.Compression.Tests.Teacher;

public sealed class ClassifierHeadTests
{
    private const int Classes = 4, Channels = 6, Samples = 64;

    /// <summary>The ends of classifiers, from a pooled image [N, 6, 1, 1] to what their files give.</summary>
    private static readonly Dictionary<string, Func<TestGraph, string, string>> Ends = new()
    {
        ["logits"] = (t, x) => Dense(t, x),
        ["softmax"] = (t, x) => t.Node(new Softmax(-1), Dense(t, x)),
        ["log softmax"] = (t, x) => t.Node(new LogSoftmax(1), Dense(t, x)),
        ["a sigmoid for each"] = (t, x) => t.Node(new Sigmoid(), Dense(t, x)),
        ["softmax, identity"] = (t, x) => t.Node(new Identity(), t.Node(new Softmax(1), Dense(t, x))),
        ["an image of one pixel"] = (t, x) => t.Conv(x, Channels, Classes, kernel: 1),
        ["softmax of an image of one pixel"] = (t, x) => t.Node(new Softmax(1), t.Conv(x, Channels, Classes, kernel: 1)),
        ["softmax of one with channels last"] = (t, x) => t.Node(new Softmax(-1), t.Node(new Transpose([0, 2, 3, 1]), t.Conv(x, Channels, Classes, kernel: 1))),
        // As the importer reads the Softmax of older ONNX.
        ["softmax of a matrix, reshaped"] = (t, x) => t.Node(new Reshape([0, Classes, 1, 1]), t.Node(new Softmax(1), t.Node(new Flatten(1), t.Conv(x, Channels, Classes, kernel: 1)))),
        ["softmax, flattened"] = (t, x) => t.Node(new Flatten(1), t.Node(new Softmax(1), t.Conv(x, Channels, Classes, kernel: 1))),
    };

    public static TheoryData<string> Names() => [.. Ends.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void ToLogits_OfAnyEnd_IsAMatrixOfTheSameClasses(string name)
    {
        var graph = Graph(Ends[name]);
        var logits = ClassifierHead.ToLogits(graph);

        Assert.Equal([-1, Classes], logits.Outputs[0].Shape);
        Assert.DoesNotContain(logits.Nodes, n => n.Op is Softmax or LogSoftmax or Sigmoid);
        var (before, after) = (Run(graph), Run(logits));
        Assert.Equal(Argmax(before), Argmax(after));
        // Not just the classes: they are the numbers in front of the activation.
        Assert.True(after.Floats.Max() > 1 && after.Floats.Min() < -1, "a probability was taken for a logit");
    }

    /// <summary>A gate in front of the last layer is no activation of the outputs.</summary>
    [Fact]
    public void ToLogits_OfASoftmaxWithinTheModel_LeavesIt()
    {
        var graph = Graph((t, x) => t.Dense(t.Node(new Softmax(1), t.Node(new Flatten(1), x)), Channels, Classes));
        Assert.Single(ClassifierHead.ToLogits(graph).Nodes, n => n.Op is Softmax);
    }

    private static readonly Dictionary<string, Func<TestGraph, string, string>> YesOrNo = new()
    {
        ["dense"] = (t, x) => t.Dense(t.Node(new Flatten(1), x), Channels, 1),
        ["product and sum"] = (t, x) => t.Node(new Add(), t.Node(new MatMul(), t.Node(new Flatten(1), x), t.Weights(2, Channels, 1)), t.Weights(1, 1)),
        ["convolution"] = (t, x) => t.Conv(x, Channels, 1, kernel: 1),
        ["convolution, one number an image"] = (t, x) => t.Node(new Reshape([-1]), t.Conv(x, Channels, 1, kernel: 1)),
        ["convolution without a bias"] = (t, x) => t.Conv(x, Channels, 1, kernel: 1, bias: false),
    };

    public static TheoryData<string> YesOrNoNames() => [.. YesOrNo.Keys];

    [Theory]
    [MemberData(nameof(YesOrNoNames))]
    public void OfTwoClasses_OfOneSigmoid_HasItsProbabilities(string name)
    {
        var graph = Graph((t, x) => t.Node(new Sigmoid(), YesOrNo[name](t, x)));
        Assert.True(ClassifierHead.EndsInSigmoid(graph));
        var probabilities = Run(graph).Floats;
        var logits = ClassifierHead.ToLogits(graph);
        Assert.False(ClassifierHead.EndsInSigmoid(logits));

        var both = Run(ClassifierHead.OfTwoClasses(logits));
        var told = Run(ClassifierHead.WithBothAnswers(graph, probability: true));
        var toldOfLogit = Run(ClassifierHead.WithBothAnswers(logits, probability: false));

        Assert.Equal([Samples, 2], both.Shape);
        for (var i = 0; i < Samples; i++)
        {
            // The softmax of two logits is the sigmoid of their difference.
            Assert.Equal(probabilities[i], 1 / (1 + Math.Exp(both.Floats[2 * i] - both.Floats[2 * i + 1])), 1e-5);
            Assert.Equal(probabilities[i], told.Floats[2 * i + 1], 1e-5f);
            Assert.Equal(1 - probabilities[i], told.Floats[2 * i], 1e-5f);
            Assert.Equal(probabilities[i] > 0.5f, toldOfLogit.Floats[2 * i + 1] > toldOfLogit.Floats[2 * i]);
        }
        Assert.Equal(2, Argmax(both).Distinct().Count());
    }

    /// <summary>What --transfer does with a model of another question.</summary>
    [Theory]
    [MemberData(nameof(YesOrNoNames))]
    public void NewHead_OnOneSigmoid_HasALogitForEachClass(string name)
    {
        var logits = ClassifierHead.ToLogits(Graph((t, x) => t.Node(new Sigmoid(), YesOrNo[name](t, x))));
        Assert.Equal([-1, 3], NewHead.Apply(logits, 3, seed: 1).Graph.Outputs[0].Shape);
    }

    private static string Dense(TestGraph t, string x) => t.Dense(t.Node(new Flatten(1), x), Channels, Classes);

    private static GraphSpec Graph(Func<TestGraph, string, string> end)
    {
        var test = new TestGraph(5);
        // Without a Relu, so that logits of either sign come.
        return test.Build(end(test, test.Node(new Mul(), test.Node(new GlobalAveragePool(), test.Conv(test.Input(3, 8, 8), 3, Channels)), test.Constant(Tensor.Of([20f], 1, 1, 1, 1)))));
    }

    private static Tensor Run(GraphSpec graph) => new GraphInterpreter(graph).Run(TestGraph.Inputs(graph, Samples)).Values.Single();

    private static int[] Argmax(Tensor outputs) => [.. outputs.Floats.Chunk(outputs.Count / Samples).Select(row => Array.IndexOf(row, row.Max()))];
}
