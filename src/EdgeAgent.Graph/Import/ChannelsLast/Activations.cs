using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>Activations that are no single operator of the IR.</summary>
internal static class Activations
{
    /// <summary>The constants of Klambauer et al. 2017.</summary>
    public static Laid Selu(string name, Laid x, ChannelsLastGraph graph) => graph.Unary(name, new Selu(1.67326324f, 1.05070098f), x);

    public static Laid Swish(string name, Laid x, ChannelsLastGraph graph) => graph.Binary(name, new Mul(), x, graph.Unary(name + "_gate", new Sigmoid(), x));

    /// <summary>x * tanh(softplus(x)).</summary>
    public static Laid Mish(string name, Laid x, ChannelsLastGraph graph) =>
        graph.Binary(name, new Mul(), x, graph.Unary(name + "_gate", new Tanh(), graph.Unary(name + "_softplus", new Softplus(), x)));

    /// <summary>x / 2 * (1 + erf(x / sqrt 2)), or its approximation x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).</summary>
    public static Laid Gelu(string name, Laid x, bool approximate, ChannelsLastGraph graph)
    {
        Laid gate;
        if (approximate)
        {
            var cube = graph.Binary(name + "_cube", new Mul(), graph.Binary(name + "_square", new Mul(), x, x), x);
            var bent = graph.Binary(name + "_bent", new Add(), x, graph.Binary(name + "_scaled", new Mul(), cube, Number(name + "_factor", 0.044715f, graph)));
            gate = graph.Unary(name + "_tanh", new Tanh(), graph.Binary(name + "_argument", new Mul(), bent, Number(name + "_root", MathF.Sqrt(2 / MathF.PI), graph)));
        }
        else
            gate = graph.Unary(name + "_erf", new Erf(), graph.Binary(name + "_argument", new Mul(), x, Number(name + "_root", MathF.Sqrt(0.5f), graph)));
        var raised = graph.Binary(name + "_raised", new Add(), gate, Number(name + "_one", 1, graph));
        return graph.Binary(name, new Mul(), graph.Binary(name + "_half", new Mul(), x, Number(name + "_halve", 0.5f, graph)), raised);
    }

    public static Laid Number(string name, float number, ChannelsLastGraph graph) => new(graph.Assembly.Constant(name, Tensor.Of([number])));
}
