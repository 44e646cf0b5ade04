using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Normalisation by the sample's own statistics.</summary>
internal static class KerasNormalizations
{
    /// <summary>Groups of channels; -1 is a group for each. Scale and offset are one for each channel.</summary>
    public static Laid Group(KerasCall call)
    {
        var (graph, assembly, rank) = (call.Graph, call.Graph.Assembly, call.Shape.Length);
        if (call.Config["axis"].Int(-1) is not -1 and var axis && axis != rank - 1 || rank < 3)
            throw call.Fault($"normalizes another axis than the last of [{string.Join(',', call.Shape)}], or has no spatial axes, which is not supported");
        var channels = call.Shape[^1];
        var groups = call.Config["groups"].Int(32) is var given && given == -1 ? channels : given;
        if (groups < 1 || channels % groups != 0)
            throw call.Fault($"{channels} channels do not divide into {groups} groups");
        var planar = graph.Planar(call.X);
        var shape = assembly.Shape(planar);
        var grouped = assembly.Emit(call.Name + "_grouped", new Reshape([0, groups, -1]), planar);
        var normal = Normal(call.Name, new(grouped), [2], (float)call.Config["epsilon"].Number(1e-3), graph);
        Laid result = new(assembly.Emit(call.Name, new Reshape([0, .. shape[1..].Select(d => (long)d)]), normal.Name), Planar: true);
        var scaled = call.Config["scale"].Flag(true);
        if (scaled)
            result = graph.Binary(call.Name + "_scaled", new Mul(), result, Weight("gamma", 0));
        return call.Config["center"].Flag(true) ? graph.Binary(call.Name + "_shifted", new Add(), result, Weight("beta", scaled ? 1 : 0)) : result;

        Laid Weight(string name, int position) => new(assembly.Constant($"{call.Name}_{name}", call.Weight(name, position, 1)));
    }

    /// <summary>x / sqrt(mean(x^2) + epsilon) * scale over the last axis.</summary>
    public static Laid RootMeanSquare(KerasCall call, int weight)
    {
        var graph = call.Graph;
        if (call.Config["axis"].IsArray ? call.Config["axis"].Items is not [var only] || only.Int(0) != -1 && only.Int(0) != call.Shape.Length - 1 : call.Config["axis"].Int(-1) is not -1 and var axis && axis != call.Shape.Length - 1)
            throw call.Fault("normalizes other axes than the last, which is not supported");
        Laid x = new(graph.Plain(call.X));
        var squares = graph.Binary(call.Name + "_squares", new Mul(), x, x);
        var mean = graph.Reduce(call.Name + "_mean", new ReduceMean([call.Shape.Length - 1], true), squares);
        var bounded = graph.Binary(call.Name + "_bounded", new Add(), mean, Activations.Number(call.Name + "_epsilon", (float)call.Config["epsilon"].Number(1e-6), graph));
        var normal = graph.Binary(call.Name + "_normal", new Div(), x, graph.Unary(call.Name + "_deviation", new Sqrt(), bounded));
        return graph.Binary(call.Name, new Mul(), normal, new(graph.Assembly.Constant(call.Name + "_scale", call.Weight("scale", weight, 1))));
    }

    /// <summary>Vectors of length 1 along some axes.</summary>
    public static Laid Unit(KerasCall call)
    {
        var rank = call.Shape.Length;
        int[] axes = [.. (call.Config["axis"].IsArray ? call.Config["axis"].Items.Select(i => i.Int(-1)) : [call.Config["axis"].Int(-1)]).Select(a => a < 0 ? a + rank : a).Distinct().Order()];
        return axes.Length > 0 && axes[0] > 0 && axes[^1] < rank
            ? UnitLength(call.Name, new(call.Graph.Plain(call.X)), axes, call.Graph)
            : throw call.Fault($"normalizes the axes [{string.Join(',', axes)}] of [{string.Join(',', call.Shape)}], which is not supported");
    }

    /// <summary>x / sqrt(max(sum(x^2), 1e-12)).</summary>
    public static Laid UnitLength(string name, Laid x, int[] axes, ChannelsLastGraph graph)
    {
        var sum = graph.Reduce(name + "_sum", new ReduceSum(axes, true), graph.Binary(name + "_squares", new Mul(), x, x));
        return graph.Binary(name, new Div(), x, graph.Unary(name + "_length", new Sqrt(), graph.Unary(name + "_bounded", new Clip(1e-12f, float.MaxValue), sum)));
    }

    /// <summary>To mean 0 and variance 1 over some axes.</summary>
    private static Laid Normal(string name, Laid x, int[] axes, float epsilon, ChannelsLastGraph graph)
    {
        var centred = graph.Binary(name + "_centred", new Sub(), x, graph.Reduce(name + "_mean", new ReduceMean(axes, true), x));
        var variance = graph.Reduce(name + "_variance", new ReduceMean(axes, true), graph.Binary(name + "_squares", new Mul(), centred, centred));
        var deviation = graph.Unary(name + "_deviation", new Sqrt(), graph.Binary(name + "_bounded", new Add(), variance, Activations.Number(name + "_epsilon", epsilon, graph)));
        return graph.Binary(name + "_normal", new Div(), centred, deviation);
    }
}
