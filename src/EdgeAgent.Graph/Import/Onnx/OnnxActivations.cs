using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Activations that the IR composes of others.</summary>
internal static class OnnxActivations
{
    /// <summary>max(x, 0) + min(0, a * (exp(x / a) - 1)) = a * elu(x / a)</summary>
    public static void Celu(OnnxNode node, OnnxGraphBuilder graph)
    {
        var alpha = graph.Scalar(node, node.Float("alpha", 1));
        var elu = graph.EmitTemporary(node, new Elu(1), graph.EmitTemporary(node, new Div(), node.Input(0), alpha));
        graph.Emit(node.Name, new Mul(), [elu, alpha], node.Output(0));
    }

    /// <summary>x / 2 * (1 + erf(x / sqrt(2)))</summary>
    public static void Gelu(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.String("approximate", "none") == "tanh")
        {
            Approximate(node, graph, node.Input(0));
            return;
        }
        var erf = graph.EmitTemporary(node, new Erf(), graph.EmitTemporary(node, new Mul(), node.Input(0), graph.Scalar(node, MathF.Sqrt(0.5f))));
        Half(node, graph, node.Input(0), erf);
    }

    /// <summary>Gelu by tanh, with an optional bias in front.</summary>
    public static void FastGelu(OnnxNode node, OnnxGraphBuilder graph) =>
        Approximate(node, graph, node.Input(1).Length > 0 ? graph.EmitTemporary(node, new Add(), node.Input(0), node.Input(1)) : node.Input(0));

    public static void BiasGelu(OnnxNode node, OnnxGraphBuilder graph)
    {
        var x = graph.EmitTemporary(node, new Add(), node.Input(0), node.Input(1));
        Half(node, graph, x, graph.EmitTemporary(node, new Erf(), graph.EmitTemporary(node, new Mul(), x, graph.Scalar(node, MathF.Sqrt(0.5f)))));
    }

    /// <summary>x * sigmoid(1.702 * x)</summary>
    public static void QuickGelu(OnnxNode node, OnnxGraphBuilder graph)
    {
        var gate = graph.EmitTemporary(node, new Sigmoid(), graph.EmitTemporary(node, new Mul(), node.Input(0), graph.Scalar(node, node.Float("alpha", 1.702f))));
        graph.Emit(node.Name, new Mul(), [node.Input(0), gate], node.Output(0));
    }

    /// <summary>What is near 0 becomes 0, and the rest moves towards it.</summary>
    public static void Shrink(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (bound, bias) = (node.Float("lambd", 0.5f), node.Float("bias", 0));
        var above = graph.EmitTemporary(node, new Greater(), node.Input(0), graph.Scalar(node, bound));
        var below = graph.EmitTemporary(node, new Less(), node.Input(0), graph.Scalar(node, -bound));
        var (less, more) = (graph.EmitTemporary(node, new Sub(), node.Input(0), graph.Scalar(node, bias)), graph.EmitTemporary(node, new Add(), node.Input(0), graph.Scalar(node, bias)));
        graph.Emit(node.Name, new Where(), [above, less, graph.EmitTemporary(node, new Where(), below, more, graph.Scalar(node, 0))], node.Output(0));
    }

    /// <summary>x * tanh(softplus(x))</summary>
    public static void Mish(OnnxNode node, OnnxGraphBuilder graph)
    {
        var tanh = graph.EmitTemporary(node, new Tanh(), graph.EmitTemporary(node, new Softplus(), node.Input(0)));
        graph.Emit(node.Name, new Mul(), [node.Input(0), tanh], node.Output(0));
    }

    /// <summary>x * sigmoid(a * x)</summary>
    public static void Swish(OnnxNode node, OnnxGraphBuilder graph)
    {
        var alpha = node.Float("alpha", 1);
        var scaled = alpha == 1 ? node.Input(0) : graph.EmitTemporary(node, new Mul(), node.Input(0), graph.Scalar(node, alpha));
        graph.Emit(node.Name, new Mul(), [node.Input(0), graph.EmitTemporary(node, new Sigmoid(), scaled)], node.Output(0));
    }

    /// <summary>x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))</summary>
    private static void Approximate(OnnxNode node, OnnxGraphBuilder graph, string x)
    {
        var cube = graph.EmitTemporary(node, new Mul(), graph.EmitTemporary(node, new Mul(), x, x), x);
        var inner = graph.EmitTemporary(node, new Add(), x, graph.EmitTemporary(node, new Mul(), cube, graph.Scalar(node, 0.044715f)));
        Half(node, graph, x, graph.EmitTemporary(node, new Tanh(), graph.EmitTemporary(node, new Mul(), inner, graph.Scalar(node, MathF.Sqrt(2 / MathF.PI)))));
    }

    private static void Half(OnnxNode node, OnnxGraphBuilder graph, string x, string share)
    {
        var factor = graph.EmitTemporary(node, new Add(), share, graph.Scalar(node, 1));
        var half = graph.EmitTemporary(node, new Mul(), x, graph.Scalar(node, 0.5f));
        graph.Emit(node.Name, new Mul(), [half, factor], node.Output(0));
    }
}
