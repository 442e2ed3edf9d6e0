import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.Ordered;

/**
 * Spring Cloud's Eureka server. With --test.user=name:password it asks for them, as one behind Spring Security does;
 * with --test.ends it ends when it has answered.
 */
@SpringBootConfiguration
@EnableAutoConfiguration
@EnableEurekaServer
public class EurekaServer {
    public static void main(String[] arguments) throws Exception {
        ConfigurableApplicationContext server = SpringApplication.run(EurekaServer.class, arguments);
        if (server.getEnvironment().containsProperty("test.ends")) {
            read(server.getEnvironment().getProperty("local.server.port"));
            server.close();
        }
    }

    /** All that a start takes is loaded then. */
    private static void read(String port) throws Exception {
        for (String path : new String[] {"apps", "apps/delta"}) {
            URLConnection call = new URL("http://127.0.0.1:" + port + "/eureka/" + path).openConnection();
            call.setRequestProperty("Accept", "application/json");
            call.getInputStream().readAllBytes();
        }
    }

    @Bean
    @ConditionalOnProperty("test.user")
    FilterRegistrationBean<Filter> basicAuthentication(@Value("${test.user}") String user) {
        String expected = "Basic " + Base64.getEncoder().encodeToString(user.getBytes(StandardCharsets.UTF_8));
        FilterRegistrationBean<Filter> first = new FilterRegistrationBean<>();
        first.setOrder(Ordered.HIGHEST_PRECEDENCE); // Eureka itself is a filter
        first.setFilter((request, response, chain) -> {
            if (expected.equals(((HttpServletRequest) request).getHeader("Authorization"))) {
                chain.doFilter(request, response);
                return;
            }
            ((HttpServletResponse) response).setHeader("WWW-Authenticate", "Basic realm=\"eureka\"");
            ((HttpServletResponse) response).sendError(401);
        });
        return first;
    }
}
