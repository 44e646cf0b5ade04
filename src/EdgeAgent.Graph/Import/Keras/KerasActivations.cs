using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Activations by name, as the attribute of a layer or the Activation layer has them.</summary>
internal static class KerasActivations
{
    private delegate Laid Activation(string name, Laid x, ChannelsLastGraph graph);

    private static readonly Dictionary<string, Activation> _all = new()
    {
        ["celu"] = Unary(new Elu(1)),
        ["elu"] = Unary(new Elu(1)),
        ["exponential"] = Unary(new Exp()),
        ["gelu"] = (n, x, g) => Activations.Gelu(n, x, approximate: false, g),
        ["hard_sigmoid"] = Unary(new HardSigmoid(0.2f, 0.5f)),
        ["hard_silu"] = Unary(new HardSwish()),
        ["hard_swish"] = Unary(new HardSwish()),
        ["hard_tanh"] = Unary(new Clip(-1, 1)),
        ["leaky_relu"] = Unary(new LeakyRelu(0.2f)),
        ["linear"] = (_, x, _) => x,
        ["log_sigmoid"] = LogSigmoid,
        ["log_softmax"] = (n, x, g) => new(g.Assembly.Emit(n, new LogSoftmax(g.Shape(x).Length - 1), g.Plain(x))),
        ["mish"] = Activations.Mish,
        ["relu"] = Unary(new Relu()),
        ["relu6"] = Unary(new Clip(0, 6)),
        ["selu"] = Activations.Selu,
        ["sigmoid"] = Unary(new Sigmoid()),
        ["silu"] = Activations.Swish,
        ["softmax"] = (n, x, g) => g.Softmax(n, x, g.Shape(x).Length - 1),
        ["softplus"] = Unary(new Softplus()),
        ["softsign"] = Unary(new Softsign()),
        ["swish"] = Activations.Swish,
        ["tanh"] = Unary(new Tanh()),
        ["tanh_shrink"] = (n, x, g) => g.Binary(n, new Sub(), x, g.Unary(n + "_tanh", new Tanh(), x)),
    };

    public static IEnumerable<string> Supported => _all.Keys.Order(StringComparer.Ordinal);

    /// <summary>The activation that <paramref name="setting"/> names, if any, applied to a layer's result.</summary>
    /// <param name="keras3">Keras 3 defines the hard sigmoid as relu6(x + 3) / 6, older versions as 0.2 x + 0.5.</param>
    public static Laid Apply(KerasCall call, KerasJson setting, Laid x, bool keras3)
    {
        if (setting.IsNull)
            return x;
        // A text, a function ("config" holds its name), or a layer used as an activation.
        if (setting.IsObject && setting["config"].IsObject)
            return KerasLayers.Convert(new(new KerasLayer(setting), [x], [], call.Graph), keras3);
        var name = setting.IsObject ? setting["config", "class_name"].Text() : setting.Text();
        if (!_all.TryGetValue(name, out var activation))
            throw call.Fault($"the activation '{ModelImportException.OneLine(name)}' is not supported; {ImportFault.SeeList}");
        if (name == "hard_sigmoid" && keras3)
            activation = Unary(new HardSigmoid(1 / 6f, 0.5f));
        return activation(call.Name + "_" + name, x, call.Graph);
    }

    private static Activation Unary(UnaryOperator op) => (name, x, graph) => graph.Unary(name, op, x);

    /// <summary>-softplus(-x).</summary>
    private static Laid LogSigmoid(string name, Laid x, ChannelsLastGraph graph)
    {
        var minus = Activations.Number(name + "_minus", -1, graph);
        return graph.Binary(name, new Mul(), graph.Unary(name + "_softplus", new Softplus(), graph.Binary(name + "_negated", new Mul(), x, minus)), minus);
    }
}
